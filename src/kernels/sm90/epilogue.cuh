// Epilogue of the wgmma kernels: alpha*acc + beta*C of 64 x 256 accumulators, through shared memory to C by
// TMA. A kernel that accumulates the transpose of C passes the transpose's layout and sizes.
//
// A consumer warpgroup stages its 64 rows in chunks of 8 KiB, laid out as the tensor map of C wants its boxes
// (rows of 128 bytes, the 16-byte pieces of row r permuted by XOR with r % 8):
//
//   C 16 bit, row major   64 rows of m    x 64 columns of n     stmatrix
//   C 16 bit, col major   64 rows of n    x 64 columns of m     stmatrix.trans
//   C fp32,   row major   64 rows of m    x 32 columns of n     8-byte stores
//   C fp32,   col major   2 x (32 rows of n x 32 columns of m)  4-byte stores
//
// Where beta != 0, TMA first loads the same box of C to the same place, and each thread reads what it then
// overwrites.
#pragma once

#include <cstdint>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <bsk/types.h>

#include "kernels/sm90/ptx.cuh"

namespace bsk {

constexpr int kWarpgroupThreads = 128;
constexpr int kChunkBytes = 8192;

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

/// Byte offset of 16-byte piece `piece` of 128-byte row `row` under the 128-byte swizzle.
__device__ inline int swizzled(int row, int piece) {
    return row * 128 + ((piece ^ (row & 7)) << 4);
}

template <DType kTypeC, Layout kLayoutC, int kBufferCount, int kCols = 256>
class Epilogue {
public:
    static constexpr bool kWide = kTypeC == DType::f32;
    static constexpr bool kTransposed = kLayoutC == Layout::col_major;
    static constexpr int kChunkN =
        kWide ? 32 : 64;  ///< columns of C in a chunk; its rows are the warpgroup's 64
    static constexpr int kChunks = kCols / kChunkN;
    static constexpr int kBoxRows = kTransposed ? kChunkN : 64;  ///< lines of the tensor map of C in a box
    static constexpr int kBoxCols = kWide ? 32 : 64;             ///< elements of a line
    static constexpr int kBoxes = kWide && kTransposed ? 2 : 1;  ///< boxes of a chunk, side by side along m
    static constexpr int kBuffers = kBufferCount;

    /// `staging`: kBuffers chunks of this warpgroup; `loaded`: its barrier for C, one arrival; `barrier_id`:
    /// its own.
    __device__ Epilogue(const CUtensorMap& c_map, std::uint8_t* staging, std::uint64_t* loaded,
                        int barrier_id)
        : c_map_(c_map), staging_(staging), loaded_(loaded), barrier_id_(barrier_id) {}

    /// Stores 64 x kCols accumulators: columns offset .. offset + kChunkN - 1 of them as C[row ..][col ..] with
    /// {row, col} = place_of(offset). Chunks from column n on are left out, as are rows outside C.
    template <class PlaceOf>
    __device__ void store(const float (&acc)[kCols / 2], PlaceOf place_of, int n, float alpha, float beta) {
        store_chunks(place_of, n, beta != 0.0F, [&](std::uint8_t* buffer, int chunk, int group) {
            float x[8];
#pragma unroll
            for (int i = 0; i < 8; ++i) {
                x[i] = alpha * acc[4 * (chunk * (kChunkN / 8) + group) + i];
            }
            stage_16_columns(buffer, group, x, beta);
        });
    }

    /// Rounds alpha*acc to C's 16-bit type and keeps it: the accumulators are free at once, and flush() can
    /// store it under the next tile's wgmma.
    __device__ void hold(const float (&acc)[128], int row, int col, float alpha) {
#pragma unroll
        for (int i = 0; i < 64; ++i) {
            held_[i] = pack<kTypeC>(alpha * acc[2 * i], alpha * acc[2 * i + 1]);
        }
        held_row_ = row;
        held_col_ = col;
        holds_ = true;
    }

    /// Stores what hold() kept, if anything.
    __device__ void flush(int n) {
        if (holds_) {
            const auto place_of = [&](int offset) { return int2{held_row_, held_col_ + offset}; };
            store_chunks(place_of, n, false, [&](std::uint8_t* buffer, int chunk, int group) {
                const int first = 2 * (chunk * (kChunkN / 8) + group);
                ptx::store_matrix_x4<kTransposed>(
                    buffer + matrix_offset(group),
                    {held_[first], held_[first + 1], held_[first + 2], held_[first + 3]});
            });
            holds_ = false;
        }
    }

    /// Before the CTA ends: its shared memory must outlive the reads of the last stores.
    __device__ void finish() {
        if (threadIdx.x % kWarpgroupThreads == 0) {
            ptx::tma_store_wait_read<0>();
        }
    }

private:
    /// For each chunk of the tile: waits for a free buffer, with C in it where `load_c`, calls
    /// stage(buffer, chunk, group) for every second group of 8 columns, and starts the store.
    template <class PlaceOf, class Stage>
    __device__ void store_chunks(PlaceOf place_of, int n, bool load_c, Stage stage) {
        const bool leader = threadIdx.x % kWarpgroupThreads == 0;
#pragma unroll
        for (int chunk = 0; chunk < kChunks; ++chunk) {
            const auto [row, chunk_col] = place_of(chunk * kChunkN);
            if (chunk_col >= n) {
                continue;
            }
            std::uint8_t* buffer = staging_ + next_buffer_ * kChunkBytes;
            next_buffer_ = (next_buffer_ + 1) % kBuffers;  // by chunks stored: some may be left out
            if (leader) {
                ptx::tma_store_wait_read<kBuffers - 1>();
                if (load_c) {
                    ptx::mbarrier_arrive_expect_tx(loaded_, kChunkBytes);
                    for (int box = 0; box < kBoxes; ++box) {
                        const int2 at = coordinates(row, chunk_col, box);
                        ptx::tma_load(buffer + box * (kChunkBytes / kBoxes), &c_map_, loaded_, at.x, at.y);
                    }
                }
            }
            ptx::named_barrier_sync(barrier_id_, kWarpgroupThreads);  // all 128: the buffer is free
            if (load_c) {
                ptx::mbarrier_wait(loaded_, loaded_phase_);
                loaded_phase_ ^= 1;
            }
#pragma unroll
            for (int group = 0; group < kChunkN / 8; group += 2) {
                stage(buffer, chunk, group);
            }
            ptx::fence_proxy_async();
            ptx::named_barrier_sync(barrier_id_, kWarpgroupThreads);  // all 128: the buffer is written
            if (leader) {
                for (int box = 0; box < kBoxes; ++box) {
                    const int2 at = coordinates(row, chunk_col, box);
                    ptx::tma_store(&c_map_, buffer + box * (kChunkBytes / kBoxes), at.x, at.y);
                }
                ptx::tma_store_commit();
            }
        }
    }

    /// Where box `box` of the chunk of C at (row, col) lies in the tensor map.
    __device__ static int2 coordinates(int row, int col, int box) {
        return kTransposed ? make_int2(row + box * kBoxCols, col) : make_int2(col, row);
    }

    /// Byte offset in a chunk of the row that this lane addresses in stmatrix and ldmatrix for column groups
    /// `group` and `group + 1`: lanes 8q .. 8q+7 address matrix q, rows +8 where q is odd, columns +8 where q
    /// >= 2.
    __device__ static int matrix_offset(int group) {
        const int thread = threadIdx.x % kWarpgroupThreads;
        const int warp = thread / 32;
        const int lane = thread % 32;
        const int odd = (lane / 8) % 2;
        const int column_group = group + lane / 16;
        return kTransposed ? swizzled(column_group * 8 + lane % 8, 2 * warp + odd)
                           : swizzled(warp * 16 + odd * 8 + lane % 8, column_group);
    }

    /// Column groups `group` and `group + 1` (8 columns each) of a chunk: x[4*g + 2*i + h] is row lane/4 +
    /// 8*i of the warp, column 2*(lane%4) + h of group g. Adds beta times what the buffer holds, then writes
    /// it.
    __device__ static void stage_16_columns(std::uint8_t* buffer, int group, float (&x)[8], float beta) {
        if constexpr (!kWide) {
            const int offset = matrix_offset(group);
            if (beta != 0.0F) {
                std::uint32_t old[4];
                ptx::load_matrix_x4<kTransposed>(old, buffer + offset);
#pragma unroll
                for (int q = 0; q < 4; ++q) {
                    const float2 pair = unpack<kTypeC>(old[q]);
                    x[2 * q] += beta * pair.x;
                    x[2 * q + 1] += beta * pair.y;
                }
            }
            std::uint32_t packed[4];
#pragma unroll
            for (int q = 0; q < 4; ++q) {
                packed[q] = pack<kTypeC>(x[2 * q], x[2 * q + 1]);
            }
            ptx::store_matrix_x4<kTransposed>(buffer + offset, packed);
        } else {
            const int warp = threadIdx.x % kWarpgroupThreads / 32;
            const int lane = threadIdx.x % 32;
#pragma unroll
            for (int q = 0; q < 4; ++q) {
                const int row = warp * 16 + lane / 4 + 8 * (q % 2);
                const int col = (group + q / 2) * 8 + 2 * (lane % 4);
                if constexpr (!kTransposed) {
                    auto* place = reinterpret_cast<float2*>(buffer + swizzled(row, col / 4) + col % 4 * 4);
                    float2 pair = make_float2(x[2 * q], x[2 * q + 1]);
                    if (beta != 0.0F) {
                        pair.x += beta * place->x;
                        pair.y += beta * place->y;
                    }
                    *place = pair;
                } else {
#pragma unroll
                    for (int h = 0; h < 2; ++h) {
                        auto* place = reinterpret_cast<float*>(buffer + row / 32 * (kChunkBytes / 2) +
                                                               swizzled(col + h, row % 32 / 4) + row % 4 * 4);
                        *place = x[2 * q + h] + (beta != 0.0F ? beta * *place : 0.0F);
                    }
                }
            }
        }
    }

    const CUtensorMap& c_map_;
    std::uint8_t* staging_;
    std::uint64_t* loaded_;
    int barrier_id_;
    std::uint32_t loaded_phase_ = 0;
    int next_buffer_ = 0;
    /// Pairs of columns in the order of the accumulators; used by hold() and flush() only.
    std::uint32_t held_[64];
    int held_row_ = 0;
    int held_col_ = 0;
    bool holds_ = false;
};

}  // namespace bsk
