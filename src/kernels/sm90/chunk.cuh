// A chunk of C: the accumulators of a warpgroup's 64 rows, or of a warp's 16, x 64 columns (fp32: 32), staged in shared memory
// as the tensor map of C wants its boxes. Of 64 rows:
//
//   C 16 bit, row major   64 rows x 64 columns          stmatrix
//   C 16 bit, col major   64 columns x 64 rows          stmatrix.trans
//   C fp32,   row major   64 rows x 32 columns          8-byte stores
//   C fp32,   col major   2 x (32 columns x 32 rows)    4-byte stores
//
// Lines of 128 or 64 bytes are swizzled by as many, which permutes their 16-byte pieces; those of 32 bytes, 16 rows of a
// col-major 16-bit C, lie as they come.
//
// Elements are handled 16 columns at a time, as two groups of 8: x[4*g + 2*i + h] is row lane/4 + 8*i of the warp's 16,
// column 2*(lane%4) + h of group g, as in the accumulators of wgmma.
#pragma once

#include <cstdint>
#include <type_traits>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <bsk/types.h>

#include "kernels/sm90/ptx.cuh"
#include "kernels/sm90/warpgroup.cuh"

namespace bsk {

template <DType kType>
__device__ inline std::uint32_t pack(float low, float high) {
    if constexpr (kType == DType::f16) {
        const __half2 pair = __floats2half2_rn(low, high);
        return *reinterpret_cast<const std::uint32_t*>(&pair);
    } else {
        const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
        return *reinterpret_cast<const std::uint32_t*>(&pair);
    }
}

template <DType kType>
__device__ inline float2 unpack(std::uint32_t pair) {
    if constexpr (kType == DType::f16) {
        return __half22float2(*reinterpret_cast<const __half2*>(&pair));
    } else {
        return __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162*>(&pair));
    }
}

template <DType kType>
__device__ inline bool is_exact(float x) {
    return unpack<kType>(pack<kType>(x, x)).x == x;
}

/// a*b + c, rounded once.
template <DType kType>
__device__ inline std::uint32_t multiply_add(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
    using Pair = std::conditional_t<kType == DType::f16, __half2, __nv_bfloat162>;
    const Pair sum = __hfma2(*reinterpret_cast<const Pair*>(&a), *reinterpret_cast<const Pair*>(&b),
                             *reinterpret_cast<const Pair*>(&c));
    return *reinterpret_cast<const std::uint32_t*>(&sum);
}

/// Byte offset of 16-byte piece `piece` of line `line`, of kLineBytes: pieces of a line of 128 bytes are permuted by XOR with
/// line % 8, of 64 bytes with line / 2 % 4.
template <int kLineBytes>
__device__ inline int swizzled(int line, int piece) {
    static_assert(kLineBytes == 128 || kLineBytes == 64 || kLineBytes == 32);
    const int mask = kLineBytes == 128 ? line & 7 : kLineBytes == 64 ? line >> 1 & 3 : 0;
    return line * kLineBytes + ((piece ^ mask) << 4);
}

/// @tparam kRows  64 of a warpgroup or 16 of a warp
template <DType kTypeC, Layout kLayoutC, int kRows>
struct Chunk {
    static_assert(kRows == 64 || kRows == 16);
    static constexpr bool kWide = kTypeC == DType::f32;
    static constexpr int kElementBytes = kWide ? 4 : 2;
    static constexpr bool kTransposed = kLayoutC == Layout::col_major;
    static constexpr int kColumns = kWide ? 32 : 64;
    static constexpr int kBytes = kRows * 128;
    static constexpr int kMostInLine = kWide ? 32 : 64;  ///< elements in 128 bytes
    static constexpr int kBoxRows =
        kTransposed ? kColumns : kRows;  ///< lines of the tensor map of C in a box
    static constexpr int kBoxCols =
        kTransposed && kRows < kMostInLine ? kRows : kMostInLine;      ///< elements of a line
    static constexpr int kBoxes = kTransposed ? kRows / kBoxCols : 1;  ///< side by side along rows

    /// One thread: loads the chunk at `at` {row, column} of matrix `batch`.
    __device__ static void load(std::uint8_t* chunk, const CUtensorMap* map, std::uint64_t* barrier, int2 at,
                                int batch) {
        ptx::mbarrier_arrive_expect_tx(barrier, kBytes);
        for (int box = 0; box < kBoxes; ++box) {
            const int2 xy = coordinates(at, box);
            ptx::tma_load(chunk + box * (kBytes / kBoxes), map, barrier, xy.x, xy.y, batch);
        }
    }

    /// One thread: starts storing it.
    __device__ static void store(const std::uint8_t* chunk, const CUtensorMap* map, int2 at, int batch,
                                 bool evict_first) {
        for (int box = 0; box < kBoxes; ++box) {
            const int2 xy = coordinates(at, box);
            ptx::tma_store(map, chunk + box * (kBytes / kBoxes), xy.x, xy.y, batch,
                           ptx::l2_policy(evict_first));
        }
        ptx::tma_store_commit();
    }

    /// All threads of the chunk: copies it to C element by element, where TMA, which stores pieces of 16 bytes, cannot. What lies
    /// outside C is left out.
    ///
    /// @param c     the matrix of the batch
    /// @param ld    elements from line to line
    /// @param size  {rows, columns} of C
    __device__ static void store_by_threads(const std::uint8_t* chunk, void* c, std::int64_t ld, int2 at,
                                            int2 size) {
        constexpr int kPiece = 16 / sizeof(Element);
        constexpr int kThreads = 2 * kRows;
        constexpr int kOfLine = kBoxCols < kThreads ? kBoxCols : kThreads;  // threads on a line
        constexpr int kLines = kThreads / kOfLine;                          // at once
        const unsigned thread = ptx::thread() % kThreads;
        const int first = thread / kOfLine;
        const int2 end = coordinates(size, 0);
#pragma unroll
        for (int element = 0; element < kBoxes * kBoxCols; element += kOfLine) {
            const int box = element / kBoxCols;
            const int i = element % kBoxCols + static_cast<int>(thread % kOfLine);  // of the line of the box
            const int2 xy = coordinates(at, box);
            const int lines = xy.x + i < end.x ? end.y - xy.y : 0;  // those in which i lies in C
            Element* to = static_cast<Element*>(c) + (xy.y + first) * ld + xy.x + i;
#pragma unroll(kRows == 16 ? 1 : 4)
            for (int pass = 0; pass < kBoxRows / kLines; ++pass) {
                const int line = pass * kLines + first;
                if (line < lines) {
                    *to = *reinterpret_cast<const Element*>(chunk + box * (kBytes / kBoxes) +
                                                            swizzled<kLineBytes>(line, i / kPiece) +
                                                            i % kPiece * sizeof(Element));
                }
                to += kLines * ld;
            }
        }
    }

    /// x += scale * what the chunk holds in groups `group` and `group + 1`.
    __device__ static void add_to(float (&x)[8], const std::uint8_t* chunk, int group, float scale) {
        if constexpr (kWide) {
#pragma unroll
            for (int i = 0; i < 8; i += kRun) {
                if constexpr (kRun == 2) {
                    const float2 pair = *reinterpret_cast<const float2*>(chunk + run_offset(group, i));
                    x[i] += scale * pair.x;
                    x[i + 1] += scale * pair.y;
                } else {
                    x[i] += scale * *reinterpret_cast<const float*>(chunk + run_offset(group, i));
                }
            }
        } else {
            std::uint32_t pairs[4];
            ptx::load_matrix_x4<kTransposed>(pairs, chunk + matrix_offset(group));
#pragma unroll
            for (int q = 0; q < 4; ++q) {
                const float2 pair = unpack<kTypeC>(pairs[q]);
                x[2 * q] += scale * pair.x;
                x[2 * q + 1] += scale * pair.y;
            }
        }
    }

    /// The same for 16-bit elements: the chunk's groups `group` and `group + 1` = scale * themselves + pairs, rounded once.
    /// @param scale  twice
    __device__ static void add_pairs(std::uint8_t* chunk, int group, std::uint32_t scale,
                                     const std::uint32_t* pairs) {
        std::uint32_t sums[4];
        ptx::load_matrix_x4<kTransposed>(sums, chunk + matrix_offset(group));
#pragma unroll
        for (int q = 0; q < 4; ++q) {
            sums[q] = multiply_add<kTypeC>(scale, sums[q], pairs[q]);
        }
        put_pairs(chunk, group, sums);
    }

    /// Rounds x to groups `group` and `group + 1` of the chunk.
    __device__ static void put(std::uint8_t* chunk, int group, const float* x) {
        if constexpr (kWide) {
#pragma unroll
            for (int i = 0; i < 8; i += kRun) {
                if constexpr (kRun == 2) {
                    *reinterpret_cast<float2*>(chunk + run_offset(group, i)) = make_float2(x[i], x[i + 1]);
                } else {
                    *reinterpret_cast<float*>(chunk + run_offset(group, i)) = x[i];
                }
            }
        } else {
            std::uint32_t pairs[4];
#pragma unroll
            for (int q = 0; q < 4; ++q) {
                pairs[q] = pack<kTypeC>(x[2 * q], x[2 * q + 1]);
            }
            put_pairs(chunk, group, pairs);
        }
    }

    /// The same for 16-bit elements that are rounded already.
    __device__ static void put_pairs(std::uint8_t* chunk, int group, const std::uint32_t (&pairs)[4]) {
        ptx::store_matrix_x4<kTransposed>(chunk + matrix_offset(group), pairs);
    }

private:
    static constexpr int kRun = kTransposed ? 1 : 2;  ///< fp32 elements of a thread that lie side by side
    static constexpr int kLineBytes = kBoxCols * kElementBytes;
    using Element = std::conditional_t<kWide, std::uint32_t, std::uint16_t>;

    /// First of the chunk's rows that this warp has.
    __device__ static int first_row() {
        return kRows == 16 ? 0 : threadIdx.x % kWarpgroupThreads / 32 * 16;
    }

    /// Where box `box` of the chunk at `at` {row, column} lies in the tensor maps.
    __device__ static int2 coordinates(int2 at, int box) {
        return kTransposed ? make_int2(at.x + box * kBoxCols, at.y) : make_int2(at.y, at.x);
    }

    /// Byte offset in a chunk of the row that this lane addresses in stmatrix and ldmatrix for column groups
    /// `group` and `group + 1`: lanes 8q .. 8q+7 address matrix q, rows +8 where q is odd, columns +8 where q
    /// >= 2.
    __device__ static int matrix_offset(int group) {
        const int lane = threadIdx.x % 32;
        const int row = first_row() + lane / 8 % 2 * 8;
        const int column_group = group + lane / 16;
        return kTransposed ? swizzled<kLineBytes>(column_group * 8 + lane % 8, row / 8)
                           : swizzled<kLineBytes>(row + lane % 8, column_group);
    }

    /// Byte offset of x[i] in an fp32 chunk.
    __device__ static int run_offset(int group, int i) {
        const int row = first_row() + threadIdx.x % 32 / 4 + 8 * (i / 2 % 2);
        const int col = 2 * (threadIdx.x % 4) + i % 2;  // of the 8 of a group
        if constexpr (kTransposed) {
            // The lane's part is kept apart, so that the group's is an offset in the instruction and no register of its own.
            const std::uint32_t of_lane = row / kBoxCols * (kBytes / kBoxes) +
                                          swizzled<kLineBytes>(col, row % kBoxCols / 4) + row % 4 * 4;
            return ptx::kept(of_lane) + (group + i / 4) * 8 * kLineBytes;
        } else {
            const int in_line = (group + i / 4) * 8 + col;
            return swizzled<kLineBytes>(row, in_line / 4) + in_line % 4 * 4;
        }
    }
};

}  // namespace bsk
