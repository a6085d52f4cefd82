// Epilogue of the wgmma kernels: C = activation(alpha*acc + beta*R + bias) of kRows x kWidth accumulators, through shared
// memory to C by TMA.
//
// A consumer warpgroup stages its 64 rows, or each of its warps 16, chunk by chunk (chunk.cuh). alpha, the biases and, without a residual, the
// activation go to the accumulators first: unrolled math for 16-bit C, but one copy of the code for all pieces of an
// fp32 C, whose exact exponentials are long. Where beta != 0, TMA loads the same box of R to the place of a chunk, a
// chunk ahead where there are two buffers, and each thread reads what it then overwrites.
#pragma once

#include <cstdint>

#include <bsk/types.h>

#include "kernels/activation.cuh"
#include "kernels/sm90/chunk.cuh"
#include "kernels/sm90/ptx.cuh"
#include "kernels/sm90/tensor_map.h"
#include "kernels/spmm_launch.h"

namespace bsk {

/// A kernel argument.
struct EpilogueParams {
    CUtensorMap c_map;         ///< where c is null
    CUtensorMap residual_map;  ///< where beta != 0
    void* c;                   ///< where threads store it, else null
    std::int64_t ldc;          ///< elements, as stride_c
    std::int64_t stride_c;
    const void* row_bias;     ///< [rows] of C's dtype or nullptr
    const void* column_bias;  ///< [columns] of C's dtype or nullptr
    int rows;
    int columns;
    float alpha;
    float beta;
    Activation activation;
    bool evict_c_first;  ///< SpmmLaunch::keeps_b_in_l2
    bool is_plain;       ///< C = acc

    /// Null where threads store C.
    [[nodiscard]] __device__ const CUtensorMap* map_of_c() const { return c == nullptr ? &c_map : nullptr; }
};

/// @tparam kWidth  columns of the accumulators
/// @tparam kRows   64: the threads are a warpgroup; 16: a warp
template <DType kTypeC, Layout kLayoutC, int kBufferCount, int kWidth, int kRows = 64>
class WgmmaEpilogue {
public:
    using ChunkC = Chunk<kTypeC, kLayoutC, kRows>;
    static constexpr int kChunkN = ChunkC::kColumns;
    static constexpr int kChunks = kWidth / kChunkN;
    static constexpr int kBuffers = kBufferCount;
    static constexpr int kStagingBytes = kBuffers * ChunkC::kBytes;

    static EpilogueParams make_params(const SpmmLaunch& launch) {
        const auto map_of = [&](const void* data, std::int64_t ld, std::int64_t stride) {
            return make_tensor_map(data, kTypeC, kLayoutC, launch.m, launch.n, ld, ChunkC::kBoxRows,
                                   ChunkC::kBoxCols, launch.batch, stride);
        };
        const bool of_rows = launch.bias_axis == BiasAxis::row;
        EpilogueParams p{};
        if (launch.stores_c_by_threads) {
            p.c = launch.c;
            p.ldc = launch.ldc;
            p.stride_c = launch.stride_c;
        } else {
            p.c_map = map_of(launch.c, launch.ldc, launch.stride_c);
        }
        if (launch.beta != 0.0F) {
            p.residual_map = map_of(launch.residual, launch.residual_ld, launch.residual_stride);
        }
        p.row_bias = of_rows ? launch.bias : nullptr;
        p.column_bias = of_rows ? nullptr : launch.bias;
        p.rows = static_cast<int>(launch.m);
        p.columns = static_cast<int>(launch.n);
        p.alpha = launch.alpha;
        p.beta = launch.beta;
        p.activation = launch.activation;
        p.evict_c_first = launch.keeps_b_in_l2;
        p.is_plain = launch.alpha == 1.0F && launch.beta == 0.0F && launch.bias == nullptr &&
                     launch.activation == Activation::none;
        return p;
    }

    /// `staging`: kStagingBytes of these threads; `loaded`: a barrier for each buffer, one arrival; `barrier_id`: the
    /// warpgroup's own.
    __device__ WgmmaEpilogue(const EpilogueParams& params, std::uint8_t* staging, std::uint64_t* loaded,
                             int barrier_id)
        : p_(params), staging_(staging), barrier_id_(barrier_id), loaded_(loaded) {}

    /// Stores kRows x kWidth accumulators as C[at.x ..][at.y ..] of product `batch`. What lies outside C is left out. The
    /// accumulators are used up.
    __device__ void store(float (&acc)[kWidth / 2], int2 at, int batch) {
        load_row_bias(at.x);
        scale(acc);
        if (p_.column_bias != nullptr || p_.activation != Activation::none || loads_residual()) [[unlikely]] {
            if (p_.column_bias != nullptr) {
                add_column_bias(acc, at.y);
            }
            if (ChunkC::kWide || loads_residual()) {
                store_pieces(acc, at, batch);
                return;
            }
            activate<kTypeC>(p_.activation, acc);
        }
#pragma unroll
        for (int chunk = 0; chunk < kChunks; ++chunk) {
            if (at.y + chunk * kChunkN >= p_.columns) {
                continue;
            }
            open_chunk(at, batch, chunk, kChunks);
#pragma unroll
            for (int group = 0; group < kChunkN / 8; group += 2) {
                ChunkC::put(buffer(), group, acc + 4 * (chunk * (kChunkN / 8) + group));
            }
            close_chunk(at, batch, chunk);
        }
    }

    /// Before the CTA ends: its shared memory must outlive the reads of the last stores.
    __device__ void finish_stores() {
        if (is_leader()) {
            ptx::tma_store_wait_read<0>();
        }
    }

protected:  // DeferredEpilogue stores by the same steps
    __device__ bool loads_residual() const {
        return p_.beta != 0.0F;
    }
    __device__ std::uint8_t* buffer() const {
        return staging_ + stored_ % kBuffers * ChunkC::kBytes;
    }

    /// Fetches the biases of this thread's rows of the accumulators, which start at `row`.
    __device__ void load_row_bias(int row) {
        row += threadIdx.x % kThreads / 32 * 16 + threadIdx.x % 32 / 4;
#pragma unroll
        for (int i = 0; i < 2; ++i) {
            row_bias_[i] =
                p_.row_bias != nullptr && row + 8 * i < p_.rows ? load_raw(p_.row_bias, row + 8 * i) : 0;
        }
    }

    /// alpha*acc plus the row bias.
    __device__ void scale(float (&acc)[kWidth / 2]) const {
        const float row_bias[2] = {to_float(row_bias_[0]), to_float(row_bias_[1])};
#pragma unroll
        for (int i = 0; i < kWidth / 2; ++i) {
            acc[i] = p_.alpha * acc[i] + row_bias[i / 2 % 2];
        }
    }

    /// Adds the biases of the columns from `first` on.
    __device__ void add_column_bias(float (&acc)[kWidth / 2], int first) const {
#pragma unroll
        for (int group = 0; group < kWidth / 8; ++group) {
            const int column = first + group * 8 + static_cast<int>(threadIdx.x) % 4 * 2;
#pragma unroll
            for (int h = 0; h < 2; ++h) {
                const float bias = column_bias(column + h);
                acc[4 * group + h] += bias;
                acc[4 * group + 2 + h] += bias;
            }
        }
    }

    __device__ float column_bias(int column) const {
        return column < p_.columns ? to_float(load_raw(p_.column_bias, column)) : 0.0F;
    }

    /// What follows the biases: groups `group` and `group + 1` of the chunk in buffer(), to there.
    __device__ void finish(float (&x)[8], int group) const {
        if (loads_residual()) {
            ChunkC::add_to(x, buffer(), group, p_.beta);
        }
        activate<kTypeC>(p_.activation, x);
        ChunkC::put(buffer(), group, x);
    }

    /// Moves the next piece to the registers of the one before, so that one copy of the code serves all.
    template <int kStep, class T, int kCount>
    __device__ static void move_down(T (&registers)[kCount]) {
#pragma unroll
        for (int i = kStep; i < kCount; ++i) {
            registers[i - kStep] = registers[i];
        }
    }

    /// Where a chunk of the tile at `at` lies in C.
    __device__ static int2 chunk_of(int2 at, int chunk) {
        return make_int2(at.x, at.y + chunk * kChunkN);
    }

    /// Starts loading R for the first chunks of the tile at `at`, as many as there are buffers.
    __device__ void load_first(int2 at, int batch, int chunks) {
        if (is_leader()) {
            ptx::tma_store_wait_read<0>();
#pragma unroll
            for (int chunk = 0; chunk < kBuffers; ++chunk) {
                if (chunk < chunks) {
                    load_residual((stored_ + chunk) % kBuffers, chunk_of(at, chunk), batch);
                }
            }
        }
    }

    /// Waits until buffer() is free, or holds its chunk of R; starts loading the chunk that is next in the buffer of
    /// the chunk before. The tile lies at `at`.
    __device__ void open_chunk(int2 at, int batch, int chunk, int chunks) {
        if (!loads_residual()) {
            if (is_leader()) {
                ptx::tma_store_wait_read<kBuffers - 1>();
            }
            sync();
            return;
        }
        const int next = chunk + kBuffers - 1;
        if (is_leader() && chunk > 0 && next < chunks) {
            ptx::tma_store_wait_read<0>();
            load_residual((stored_ + kBuffers - 1) % kBuffers, chunk_of(at, next), batch);
        }
        ptx::mbarrier_wait(&loaded_[stored_ % kBuffers], stored_ / kBuffers % 2);
    }

    /// Stores buffer() as a chunk of the tile at `at`.
    __device__ void close_chunk(int2 at, int batch, int chunk) {
        if (p_.c != nullptr) [[unlikely]] {
            close_by_threads(at, batch, chunk);
        } else {
            close_by_tma(at, batch, chunk);
        }
    }

    /// The same where p_.c is null.
    __device__ void close_by_tma(int2 at, int batch, int chunk) {
        ptx::fence_proxy_async();
        sync();  // all threads: the buffer is written
        if (is_leader()) {
            ChunkC::store(buffer(), &p_.c_map, chunk_of(at, chunk), batch, p_.evict_c_first);
        }
        ++stored_;
    }

    const EpilogueParams& p_;
    std::uint8_t* staging_;
    int barrier_id_;

private:
    static constexpr int kThreads = 2 * kRows;

    __device__ static bool is_leader() {
        return threadIdx.x % kThreads == 0;
    }

    __device__ void sync() const {
        if constexpr (kRows == 16) {
            __syncwarp();
        } else {
            ptx::named_barrier_sync(barrier_id_, kThreads);
        }
    }

    __device__ void close_by_threads(int2 at, int batch, int chunk) {
        sync();  // all threads: the buffer is written
        auto* matrix = static_cast<std::uint8_t*>(p_.c) + batch * p_.stride_c * ChunkC::kElementBytes;
        ChunkC::store_by_threads(buffer(), matrix, p_.ldc, chunk_of(at, chunk),
                                 make_int2(p_.rows, p_.columns));
        ptx::fence_proxy_async();  // R may be loaded to the buffer next
        sync();                    // all threads: the buffer is read
        ++stored_;
    }

    /// Element of a vector of C's dtype as it lies in memory. Volatile, so that it is not moved to its use.
    __device__ static std::uint32_t load_raw(const void* vector, int index) {
        std::uint32_t raw = 0;
        if constexpr (ChunkC::kWide) {
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
        if constexpr (ChunkC::kWide) {
            return __uint_as_float(raw);
        } else {
            return unpack<kTypeC>(raw).x;
        }
    }

    /// One thread: the chunk of R at `at` to a buffer.
    __device__ void load_residual(int buffer, int2 at, int batch) {
        ChunkC::load(staging_ + buffer * ChunkC::kBytes, &p_.residual_map, &loaded_[buffer], at, batch);
    }

    /// store() of scaled accumulators, piece by piece.
    __device__ void store_pieces(float (&acc)[kWidth / 2], int2 at, int batch) {
        constexpr int kPieces = kWidth / 32;  // of 32 columns each: one copy of the code serves all
        constexpr int kPiecesPerChunk = kPieces / kChunks;
        if (loads_residual()) {
            load_first(at, batch, kChunks);
        }
#pragma unroll 1
        for (int piece = 0; piece < kPieces; ++piece) {
            const int part = piece % kPiecesPerChunk;
            const int chunk = piece / kPiecesPerChunk;
            if (part == 0) {
                open_chunk(at, batch, chunk, kChunks);
            }
#pragma unroll
            for (int i = 0; i < 2; ++i) {
                float x[8];
#pragma unroll
                for (int j = 0; j < 8; ++j) {
                    x[j] = acc[8 * i + j];
                }
                finish(x, 4 * part + 2 * i);
            }
            if (part + 1 == kPiecesPerChunk) {
                close_chunk(at, batch, chunk);
            }
            move_down<16>(acc);
        }
    }

    std::uint64_t* loaded_;
    std::uint32_t stored_ = 0;        ///< chunks, all of which had R in their buffers, or none
    std::uint32_t row_bias_[2] = {};  ///< as in memory, of rows lane/4 and lane/4 + 8
};

}  // namespace bsk
