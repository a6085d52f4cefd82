// Epilogue of the wgmma kernels: C = activation(alpha*acc + beta*R + bias) of 64 x 256 accumulators, through shared
// memory to C by TMA. Rows and columns are those of the accumulators: a kernel that accumulates the transpose of C
// passes the transpose's layout and sizes.
//
// A consumer warpgroup stages its 64 rows in chunks of 8 KiB, laid out as the tensor map of C wants its boxes
// (rows of 128 bytes, the 16-byte pieces of row r permuted by XOR with r % 8):
//
//   C 16 bit, row major   64 rows x 64 columns          stmatrix
//   C 16 bit, col major   64 columns x 64 rows          stmatrix.trans
//   C fp32,   row major   64 rows x 32 columns          8-byte stores
//   C fp32,   col major   2 x (32 columns x 32 rows)    4-byte stores
//
// Where beta != 0, TMA loads the same box of R to the same place, a chunk ahead where there are two buffers, and each
// thread reads what it then overwrites.
#pragma once

#include <cstdint>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <bsk/types.h>

#include "kernels/activation.cuh"
#include "kernels/sm90/ptx.cuh"
#include "kernels/sm90/tensor_map.h"
#include "kernels/spmm_launch.h"

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

/// A kernel argument.
struct EpilogueParams {
    CUtensorMap c_map;
    CUtensorMap residual_map;
    const void* row_bias;     ///< [rows] of C's dtype or nullptr
    const void* column_bias;  ///< [columns] of C's dtype or nullptr
    int rows;
    int columns;
    float alpha;
    float beta;
    Activation activation;
    bool plain;  ///< nothing but alpha*acc and a bias of rows
};

template <DType kTypeC, Layout kLayoutC, int kBufferCount>
class WarpgroupEpilogue {
public:
    static constexpr bool kWide = kTypeC == DType::f32;
    static constexpr bool kTransposed = kLayoutC == Layout::col_major;
    static constexpr int kChunkN = kWide ? 32 : 64;  ///< columns of a chunk; its rows are the warpgroup's 64
    static constexpr int kChunks = 256 / kChunkN;
    static constexpr int kBoxRows = kTransposed ? kChunkN : 64;  ///< lines of the tensor map of C in a box
    static constexpr int kBoxCols = kWide ? 32 : 64;             ///< elements of a line
    static constexpr int kBoxes =
        kWide && kTransposed ? 2 : 1;  ///< boxes of a chunk, side by side along rows
    static constexpr int kBuffers = kBufferCount;

    /// @param transposed  the kernel accumulates the transpose of C, kLayoutC is the transpose's
    static EpilogueParams make_params(const SpmmLaunch& launch, bool transposed) {
        const std::int64_t rows = transposed ? launch.n : launch.m;
        const std::int64_t columns = transposed ? launch.m : launch.n;
        const auto map_of = [&](const void* data) {
            return make_tensor_map(data, kTypeC, kLayoutC, rows, columns, launch.ldc, kBoxRows, kBoxCols,
                                   launch.batch, launch.stride_c);
        };
        const bool of_rows = (launch.bias_axis == BiasAxis::row) != transposed;
        EpilogueParams p{};
        p.c_map = map_of(launch.c);
        p.residual_map = map_of(launch.residual);
        p.row_bias = of_rows ? launch.bias : nullptr;
        p.column_bias = of_rows ? nullptr : launch.bias;
        p.rows = static_cast<int>(rows);
        p.columns = static_cast<int>(columns);
        p.alpha = launch.alpha;
        p.beta = launch.beta;
        p.activation = launch.activation;
        p.plain = launch.beta == 0.0F && p.column_bias == nullptr && launch.activation == Activation::none;
        return p;
    }

    /// `staging`: kBuffers chunks of this warpgroup; `loaded`: a barrier for each, one arrival; `barrier_id`: its
    /// own.
    __device__ WarpgroupEpilogue(const EpilogueParams& params, std::uint8_t* staging, std::uint64_t* loaded,
                                 int barrier_id)
        : p_(params), staging_(staging), loaded_(loaded), barrier_id_(barrier_id) {}

    /// Fetches the biases of this thread's rows of the accumulators, which start at `row`.
    __device__ void load_row_bias(int row) {
        row += threadIdx.x % kWarpgroupThreads / 32 * 16 + threadIdx.x % 32 / 4;
#pragma unroll
        for (int i = 0; i < 2; ++i) {
            row_bias_[i] =
                p_.row_bias != nullptr && row + 8 * i < p_.rows ? load_raw(p_.row_bias, row + 8 * i) : 0;
        }
    }

    /// Stores 64 x 256 accumulators: columns offset .. offset + kChunkN - 1 of them as C[row ..][col ..] with
    /// {row, col} = place_of(offset), of product `batch`. What lies outside C is left out.
    template <class PlaceOf>
    __device__ void store(const float (&acc)[128], PlaceOf place_of, int batch) {
        if (loads_residual()) {
            load_first(place_of, batch, kChunks);
        }
#pragma unroll
        for (int chunk = 0; chunk < kChunks; ++chunk) {
            const int2 at = place_of(chunk * kChunkN);
            if (at.y >= p_.columns && !loads_residual()) {
                continue;
            }
            load_row_bias(at.x);
            open_chunk(place_of, batch, chunk, kChunks);
#pragma unroll
            for (int group = 0; group < kChunkN / 8; group += 2) {
                float x[8];
                scale(x, acc + 4 * (chunk * (kChunkN / 8) + group));
                if (!p_.plain) {
                    finish(x, group, at.y);
                }
                stage_16_columns(group, x);
            }
            close_chunk(at, batch);
        }
    }

    /// Rounds alpha*acc plus the row bias (load_row_bias) to C's 16-bit type and keeps it: the accumulators are free
    /// at once, and flush() can store it under the next tile's wgmma.
    __device__ void hold(const float (&acc)[128], int row, int col, int batch) {
        static_assert(!kWide);
        held_at_ = make_int2(row, col);
        held_batch_ = batch;
        piece_ = 0;
        if (loads_residual()) {
            load_first(held_place(), batch, held_chunks());
        }
#pragma unroll
        for (int i = 0; i < 16; ++i) {
            float x[8];
            scale(x, acc + 8 * i);
#pragma unroll
            for (int q = 0; q < 4; ++q) {
                held_[4 * i + q] = pack<kTypeC>(x[2 * q], x[2 * q + 1]);
            }
        }
    }

    /// Stores part of what hold() kept, when the wgmma of step `step` of `steps` of a mainloop are queued: a piece a
    /// step, so that none of it delays the next step's wgmma, but all by the last step.
    __device__ void flush_under(int step, int steps) {
        if (loads_residual() && step < min(kResidualSteps, steps - 1)) {
            return;
        }
        int left = held_pieces() - piece_;
#pragma unroll 1
        for (int count = max(1, left - (steps - step) + 1); count > 0 && left > 0; --count, --left) {
            flush_piece();
        }
    }

    /// Stores all that is left of it.
    __device__ void flush() {
        flush_under(0, 0);
    }

    /// Before the CTA ends: its shared memory must outlive the reads of the last stores.
    __device__ void finish_stores() {
        if (is_leader()) {
            ptx::tma_store_wait_read<0>();
        }
    }

private:
    static constexpr int kPieces = 8;  ///< of what hold() keeps, 32 columns each
    static constexpr int kPieceRegisters = 64 / kPieces;
    static constexpr int kPiecesPerChunk = kChunkN * kPieces / 256;
    /// Steps of a mainloop that the first chunk of R may take to arrive.
    static constexpr int kResidualSteps = 2;

    __device__ static bool is_leader() {
        return threadIdx.x % kWarpgroupThreads == 0;
    }
    __device__ bool loads_residual() const {
        return p_.beta != 0.0F;
    }
    __device__ std::uint8_t* buffer() const {
        return staging_ + buffer_ * kChunkBytes;
    }

    __device__ int held_chunks() const {
        return min((p_.columns - held_at_.y + kChunkN - 1) / kChunkN, kChunks);
    }
    __device__ int held_pieces() const {
        return kPiecesPerChunk * held_chunks();
    }
    __device__ auto held_place() const {
        return [at = held_at_](int offset) { return make_int2(at.x, at.y + offset); };
    }

    // ---- Elements ---------------------------------------------------------------------------------------

    /// Element of a vector of C's dtype as it lies in memory. Volatile, so that it is not moved to its use.
    __device__ static std::uint32_t load_raw(const void* vector, int index) {
        std::uint32_t raw = 0;
        if constexpr (kWide) {
            asm volatile("ld.global.nc.b32 %0, [%1];"
                         : "=r"(raw)
                         : "l"(static_cast<const float*>(vector) + index));
        } else {
            asm volatile(
                "{\n"
                ".reg .b16 half;\n"
                "ld.global.nc.b16 half, [%1];\n"
                "cvt.u32.u16 %0, half;\n"
                "}"
                : "=r"(raw)
                : "l"(static_cast<const std::uint16_t*>(vector) + index));
        }
        return raw;
    }

    __device__ static float to_float(std::uint32_t raw) {
        if constexpr (kWide) {
            return __uint_as_float(raw);
        } else {
            return unpack<kTypeC>(raw).x;
        }
    }

    /// Two groups of 8 columns: x[4*g + 2*i + h] is row lane/4 + 8*i of the warp, column 2*(lane%4) + h of group g, as
    /// it is in the accumulators.
    __device__ void scale(float (&x)[8], const float* acc) const {
        const float bias[2] = {to_float(row_bias_[0]), to_float(row_bias_[1])};
#pragma unroll
        for (int i = 0; i < 8; ++i) {
            x[i] = p_.alpha * acc[i] + bias[i / 2 % 2];
        }
    }

    /// What follows scale() where the epilogue is not plain: groups `group` and `group + 1` of the chunk at `col`.
    __device__ void finish(float (&x)[8], int group, int col) const {
        if (loads_residual()) {
            add_residual(group, x);
        }
        if (p_.column_bias != nullptr) {
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                const int column = col + (group + j / 2) * 8 + threadIdx.x % 4 * 2 + j % 2;
                const float bias = column < p_.columns ? to_float(load_raw(p_.column_bias, column)) : 0.0F;
                x[j / 2 * 4 + j % 2] += bias;
                x[j / 2 * 4 + j % 2 + 2] += bias;
            }
        }
        activate<kTypeC>(p_.activation, x);
    }

    // ---- Chunks -----------------------------------------------------------------------------------------

    __device__ void flush_piece() {
        const int part = piece_ % kPiecesPerChunk;
        const int chunk = piece_ / kPiecesPerChunk;
        const int2 at = held_place()(chunk * kChunkN);
        if (part == 0) {
            open_chunk(held_place(), held_batch_, chunk, held_chunks());
        }
#pragma unroll
        for (int i = 0; i < kPieceRegisters / 4; ++i) {
            const int group = part * (kChunkN / 8 / kPiecesPerChunk) + 2 * i;
            if (p_.plain) {
                ptx::store_matrix_x4<kTransposed>(
                    buffer() + matrix_offset(group),
                    {held_[4 * i], held_[4 * i + 1], held_[4 * i + 2], held_[4 * i + 3]});
            } else {
                float x[8];
#pragma unroll
                for (int q = 0; q < 4; ++q) {
                    const float2 pair = unpack<kTypeC>(held_[4 * i + q]);
                    x[2 * q] = pair.x;
                    x[2 * q + 1] = pair.y;
                }
                finish(x, group, at.y);
                stage_16_columns(group, x);
            }
        }
        // The next piece moves down to the same registers, so that one copy of this code serves all.
#pragma unroll
        for (int i = kPieceRegisters; i < 64; ++i) {
            held_[i - kPieceRegisters] = held_[i];
        }
        ++piece_;
        if (part + 1 == kPiecesPerChunk) {
            close_chunk(at, held_batch_);
        }
    }

    /// Starts loading R for the first chunks of a tile, as many as there are buffers.
    template <class PlaceOf>
    __device__ void load_first(PlaceOf place_of, int batch, int chunks) {
        if (is_leader()) {
            ptx::tma_store_wait_read<0>();
#pragma unroll
            for (int chunk = 0; chunk < kBuffers; ++chunk) {
                if (chunk < chunks) {
                    load_residual((buffer_ + chunk) % kBuffers, place_of(chunk * kChunkN), batch);
                }
            }
        }
    }

    /// One thread: the chunk of R at `at` to a buffer.
    __device__ void load_residual(int buffer, int2 at, int batch) {
        ptx::mbarrier_arrive_expect_tx(&loaded_[buffer], kChunkBytes);
        for (int box = 0; box < kBoxes; ++box) {
            const int2 xy = coordinates(at, box);
            ptx::tma_load(staging_ + buffer * kChunkBytes + box * (kChunkBytes / kBoxes), &p_.residual_map,
                          &loaded_[buffer], xy.x, xy.y, batch);
        }
    }

    /// Waits until buffer() is free, or holds its chunk of R; starts loading the chunk that is next in the buffer of
    /// the chunk before.
    template <class PlaceOf>
    __device__ void open_chunk(PlaceOf place_of, int batch, int chunk, int chunks) {
        if (!loads_residual()) {
            if (is_leader()) {
                ptx::tma_store_wait_read<kBuffers - 1>();
            }
            ptx::named_barrier_sync(barrier_id_, kWarpgroupThreads);
            return;
        }
        const int next = chunk + kBuffers - 1;
        if (is_leader() && chunk > 0 && next < chunks) {
            ptx::tma_store_wait_read<0>();
            load_residual((buffer_ + kBuffers - 1) % kBuffers, place_of(next * kChunkN), batch);
        }
        ptx::mbarrier_wait(&loaded_[buffer_], loaded_phases_ >> buffer_ & 1);
        loaded_phases_ ^= 1U << buffer_;
    }

    /// Stores buffer() as the chunk of C at `at`.
    __device__ void close_chunk(int2 at, int batch) {
        ptx::fence_proxy_async();
        ptx::named_barrier_sync(barrier_id_, kWarpgroupThreads);  // all 128: the buffer is written
        if (is_leader()) {
            for (int box = 0; box < kBoxes; ++box) {
                const int2 xy = coordinates(at, box);
                ptx::tma_store(&p_.c_map, buffer() + box * (kChunkBytes / kBoxes), xy.x, xy.y, batch);
            }
            ptx::tma_store_commit();
        }
        buffer_ = (buffer_ + 1) % kBuffers;  // by chunks stored: some may be left out
    }

    /// Where box `box` of the chunk at `at` {row, column} lies in the tensor maps.
    __device__ static int2 coordinates(int2 at, int box) {
        return kTransposed ? make_int2(at.x + box * kBoxCols, at.y) : make_int2(at.y, at.x);
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

    /// Calls visit(place, i): where element x[i] of an fp32 chunk lies in buffer().
    template <class Visit>
    __device__ void for_each_place(int group, Visit visit) const {
        const int warp = threadIdx.x % kWarpgroupThreads / 32;
        const int lane = threadIdx.x % 32;
#pragma unroll
        for (int i = 0; i < 8; ++i) {
            const int row = warp * 16 + lane / 4 + 8 * (i / 2 % 2);
            const int col = (group + i / 4) * 8 + 2 * (lane % 4) + i % 2;
            const int offset = kTransposed
                                   ? row / 32 * (kChunkBytes / 2) + swizzled(col, row % 32 / 4) + row % 4 * 4
                                   : swizzled(row, col / 4) + col % 4 * 4;
            visit(reinterpret_cast<float*>(buffer() + offset), i);
        }
    }

    /// Adds beta times what buffer() holds of R.
    __device__ void add_residual(int group, float (&x)[8]) const {
        if constexpr (kWide) {
            for_each_place(group, [&](const float* place, int i) { x[i] += p_.beta * *place; });
        } else {
            std::uint32_t pairs[4];
            ptx::load_matrix_x4<kTransposed>(pairs, buffer() + matrix_offset(group));
#pragma unroll
            for (int q = 0; q < 4; ++q) {
                const float2 pair = unpack<kTypeC>(pairs[q]);
                x[2 * q] += p_.beta * pair.x;
                x[2 * q + 1] += p_.beta * pair.y;
            }
        }
    }

    __device__ void stage_16_columns(int group, const float (&x)[8]) const {
        if constexpr (kWide) {
            for_each_place(group, [&](float* place, int i) { *place = x[i]; });
        } else {
            std::uint32_t packed[4];
#pragma unroll
            for (int q = 0; q < 4; ++q) {
                packed[q] = pack<kTypeC>(x[2 * q], x[2 * q + 1]);
            }
            ptx::store_matrix_x4<kTransposed>(buffer() + matrix_offset(group), packed);
        }
    }

    const EpilogueParams& p_;
    std::uint8_t* staging_;
    std::uint64_t* loaded_;
    int barrier_id_;
    int buffer_ = 0;                   ///< the next chunk's
    std::uint32_t loaded_phases_ = 0;  ///< bit b: phase of loaded_[b]
    std::uint32_t row_bias_[2] = {};   ///< as in memory, of rows lane/4 and lane/4 + 8
    /// Pairs of columns in the order of the accumulators, from piece `piece_` on; used by hold() and flush() only.
    std::uint32_t held_[64];
    int2 held_at_ = {};
    int held_batch_ = 0;
    int piece_ = kPieces;
};

}  // namespace bsk
