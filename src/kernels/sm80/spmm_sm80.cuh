// C = activation(alpha*A*B + beta*R + bias) on tensor cores through cp.async, ldmatrix and mma.sync: any block, layout,
// size and alignment.
//
// Split of the work: a CTA of 4 warps computes one tile_m x 128 tile of C, tile_m = min(block_m, 64), so that
// the tile lies inside one block row and needs that row's stored blocks only. CTAs are numbered down the tile
// rows of a strip of 128 columns first: those in flight share the strip's part of B in L2.
//
// The stored blocks of the row are walked as k slices of 16 columns of A, the k of one mma. A step takes 2
// slices, whichever blocks they come from; what lies past the last slice, past k and past n is filled with
// zeros, so that the products need no masks. Three stages of shared memory hold steps: while one is
// multiplied, two are in flight.
//
//   stage:  a [tile_m][32]   rows of A                       4 chunks of 16 bytes a row
//           b [32][128]      B row-major: rows are k        16 chunks
//             [128][32]      B col-major: rows are n         4 chunks
//
// Chunks are exchanged within a row (`swizzled`) so that ldmatrix, which reads one chunk of 8 consecutive
// rows, finds them in 8 different groups of 4 banks. After the last step the same memory stages the fp32 tile
// of C, so that it is written along C's contiguous direction.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/activation.cuh"
#include "kernels/sm80/copy.cuh"
#include "kernels/sm80/mma.cuh"
#include "kernels/sm80/run.cuh"
#include "kernels/spmm_launch.h"

namespace bsk::sm80 {

inline constexpr int kThreads = 128;
inline constexpr int kTileN = 128;
inline constexpr int kSliceK = 16;
inline constexpr int kTileK = 2 * kSliceK;
inline constexpr int kStages = 3;
inline constexpr int kStagingPad = 4;  // floats: keeps runs 16-byte aligned and spreads columns over banks

/// CTAs that share a multiprocessor: as many as the registers allow without a spill on any architecture.
constexpr int ctas_per_sm(int tile_m) {
    return tile_m == 64 ? 4 : tile_m == 32 ? 5 : 6;
}

// ------------------------------------------------------------------------------------- shared memory

template <int kTileM>
struct Stage {
    std::uint16_t a[kTileM * kTileK];
    std::uint16_t b[kTileK * kTileN];
};

template <int kTileM>
struct alignas(128) SharedStorage {
    static constexpr int kStagingFloats =
        std::max(kTileM * (kTileN + kStagingPad), kTileN*(kTileM + kStagingPad));
    union {
        Stage<kTileM> stages[kStages];
        float staging[kStagingFloats];
    };
};

// ------------------------------------------------------------------------------------------ producer

/// Loads the steps of one tile. A thread copies the same chunks of every step: those of its row and chunk in
/// the tiles of A and B, and those kThreads chunks further on. Rows of B (k) are counted in 32 unsigned bits:
/// k fits 31, its padding to whole blocks may not.
template <int kTileM, Layout kBLayout>
class Producer {
public:
    __device__ Producer(const SpmmLaunch& launch, int slice_shift, int tile_row, std::int64_t first_column)
        : launch_(launch), slice_shift_(slice_shift) {
        const int tiles_per_block = launch.block_m / kTileM;
        const int block_row = tile_row / tiles_per_block;
        const int begin = launch.crow_indices[block_row];
        blocks_ = launch.col_indices + begin;
        slices_ = (launch.crow_indices[block_row + 1] - begin) << slice_shift_;
        block_size_ = static_cast<std::int64_t>(launch.block_m) * launch.block_k;
        a_source_ =
            static_cast<const std::uint16_t*>(launch.values) + begin * block_size_ +
            static_cast<std::int64_t>(tile_row % tiles_per_block * kTileM + a_row()) * launch.block_k +
            a_chunk() % 2 * kChunk;

        const std::int64_t column = first_column + (kBRowMajor ? b_chunk() * kChunk : b_row());
        const std::int64_t row = kBRowMajor ? b_row() : b_chunk() % 2 * kChunk;
        const std::uint16_t* b = static_cast<const std::uint16_t*>(launch.b) + blockIdx.z * launch.stride_b;
        b_source_ = b + (kBRowMajor ? row * launch.ldb + column : column * launch.ldb + row);
        columns_left_ = static_cast<int>(launch.n - column < kTileN ? launch.n - column : kTileN);
        b_is_aligned_ = reinterpret_cast<std::uintptr_t>(b) % 16 == 0 && launch.ldb % kChunk == 0;
        fetch_columns(0);
    }

    __device__ int steps() const { return (slices_ + 1) / 2; }

    /// Step after step; past the last one it loads nothing.
    __device__ void load(Stage<kTileM>& stage, int step) {
        if (step < steps()) {
            load_a(stage.a, step);
            if (b_is_aligned_) {
                load_b(stage.b, step, CopyAligned{});
            } else {
                load_b(stage.b, step, CopyElements{});
            }
            fetch_columns(step + 1);
        }
        cp_async_commit();
    }

private:
    static constexpr bool kBRowMajor = kBLayout == Layout::row_major;
    static constexpr int kARowChunks = kTileK / kChunk;
    static constexpr int kBRow = kBRowMajor ? kTileN : kTileK;
    static constexpr int kBRowChunks = kBRow / kChunk;

    __device__ static int a_row() { return static_cast<int>(threadIdx.x) / kARowChunks; }
    __device__ static int a_chunk() { return static_cast<int>(threadIdx.x) % kARowChunks; }
    __device__ static int b_row() { return static_cast<int>(threadIdx.x) / kBRowChunks; }
    __device__ static int b_chunk() { return static_cast<int>(threadIdx.x) % kBRowChunks; }

    /// Block columns of a step's slices, read one step ahead of their use to hide the latency.
    __device__ void fetch_columns(int step) {
        for (int i = 0; i < 2; ++i) {
            const int slice = 2 * step + i;
            block_column_[i] = slice < slices_ ? blocks_[slice >> slice_shift_] : 0;
        }
    }

    /// Index of the slice's first column inside its block.
    __device__ int k_in_block(int slice) const { return (slice * kSliceK) & (launch_.block_k - 1); }

    /// The row of B that the slice starts at; k, where B ends, for a slice past the last.
    __device__ std::uint32_t first_k(int slice, int block_column) const {
        return slice < slices_
                   ? static_cast<std::uint32_t>(block_column) * launch_.block_k + k_in_block(slice)
                   : static_cast<std::uint32_t>(launch_.k);
    }

    /// Rows of B from `k` to its end; not positive past it.
    __device__ int rows_left(std::uint32_t k) const {
        return static_cast<int>(static_cast<std::uint32_t>(launch_.k) - k);
    }

    __device__ void load_a(std::uint16_t* a, int step) const {
        constexpr int kChunks = kTileM * kARowChunks;
        const int slice = 2 * step + a_chunk() / 2;
        const std::uint16_t* source = a_source_ + (slice >> slice_shift_) * block_size_ + k_in_block(slice);
        std::uint16_t* target = a + swizzled<kTileK>(a_row(), a_chunk());
        const int bytes = slice < slices_ ? 16 : 0;
#pragma unroll
        for (int i = 0; i * kThreads < kChunks; ++i) {
            if (kChunks >= kThreads || threadIdx.x < kChunks) {
                cp_async_16(target + i * kThreads * kChunk,
                            source + i * (kThreads / kARowChunks) * launch_.block_k, bytes);
            }
        }
    }

    template <class Copy>
    __device__ void load_b(std::uint16_t* b, int step, Copy copy) const {
        constexpr int kCopies = kTileK * kTileN / kChunk / kThreads;
        constexpr int kRowStep = kThreads / kBRowChunks;  // rows of the tile from one copy to the next
        const std::uint32_t k0 = first_k(2 * step, block_column_[0]);
        const std::uint32_t k1 = first_k(2 * step + 1, block_column_[1]);
        std::uint16_t* target = b + swizzled<kBRow>(b_row(), b_chunk());
#pragma unroll
        for (int i = 0; i < kCopies; ++i) {
            const std::uint16_t* source = nullptr;
            int count = 0;
            if constexpr (kBRowMajor) {
                const std::uint32_t k = (i * kRowStep < kSliceK ? k0 : k1) + i * kRowStep % kSliceK;
                source = b_source_ + k * launch_.ldb;
                count = rows_left(k + b_row()) > 0 ? columns_left_ : 0;
            } else {
                const std::uint32_t k = b_chunk() < 2 ? k0 : k1;
                source = b_source_ + i * kRowStep * launch_.ldb + k;
                count = i * kRowStep < columns_left_ ? rows_left(k + b_chunk() % 2 * kChunk) : 0;
            }
            copy(target + i * kThreads * kChunk, source, max(0, min(count, kChunk)));
        }
    }

    const SpmmLaunch& launch_;
    int slice_shift_;             // log2 of the slices in a block
    const std::int32_t* blocks_;  // block columns of the row's stored blocks
    int slices_;                  // of the block row
    std::int64_t block_size_;     // elements
    const std::uint16_t*
        a_source_;  // this thread's first chunk in the row's first stored block, less the slice
    const std::uint16_t* b_source_;  // this thread's first chunk in B, less the slice
    int columns_left_;               // of B from this thread's first on; not positive past its end
    bool b_is_aligned_;              // every row (column) of B starts at a multiple of 16 bytes
    int block_column_[2];            // of the slices that load() takes next
};

// ------------------------------------------------------------------------------------------ mainloop

/// The part of the tile that a warp accumulates: 2 x 2 warps on 64 rows, else 1 x 4.
template <class T, int kTileM, Layout kBLayout>
struct WarpTile {
    static constexpr int kWarpsM = kTileM == 64 ? 2 : 1;
    static constexpr int kWarpsN = kThreads / 32 / kWarpsM;
    static constexpr int kRows = kTileM / kWarpsM;
    static constexpr int kColumns = kTileN / kWarpsN;

    int lane = threadIdx.x % 32;
    int first_row = static_cast<int>(threadIdx.x) / 32 / kWarpsN * kRows;
    int first_column = static_cast<int>(threadIdx.x) / 32 % kWarpsN * kColumns;
    float sum[kRows / 16][kColumns / 8][4] = {};

    __device__ void multiply(const Stage<kTileM>& stage) {
#pragma unroll
        for (int slice = 0; slice < 2; ++slice) {
            Fragment a[kRows / 16];
#pragma unroll
            for (int i = 0; i < kRows / 16; ++i) {
                // Matrices in the order of the A fragment: rows 0-7 and 8-15 of k 0-7, then of k 8-15.
                const int row = first_row + 16 * i + lane % 16;
                a[i] = ldmatrix(stage.a + swizzled<kTileK>(row, 2 * slice + lane / 16));
            }
#pragma unroll
            for (int j = 0; j < kColumns / 16; ++j) {
                const Fragment b = load_b(stage.b, slice, first_column + 16 * j);
#pragma unroll
                for (int i = 0; i < kRows / 16; ++i) {
                    mma_m16n8k16<T>(sum[i][2 * j], a[i], b.reg[0], b.reg[1]);
                    mma_m16n8k16<T>(sum[i][2 * j + 1], a[i], b.reg[2], b.reg[3]);
                }
            }
        }
    }

    /// 16 k x 16 columns of B: k 0-7 and 8-15 of columns 0-7, then of columns 8-15.
    __device__ Fragment load_b(const std::uint16_t* b, int slice, int column) const {
        if constexpr (kBLayout == Layout::row_major) {
            const int k = kSliceK * slice + lane % 16;
            return ldmatrix_trans(b + swizzled<kTileN>(k, column / kChunk + lane / 16));
        } else {
            const int row = column + lane % 8 + lane / 16 * 8;
            return ldmatrix(b + swizzled<kTileK>(row, 2 * slice + lane / 8 % 2));
        }
    }

    /// Element (i, j) of the tile goes to staging[i*row_stride + j*column_stride].
    __device__ void stage_sums(float* staging, int row_stride, int column_stride) const {
#pragma unroll
        for (int i = 0; i < kRows / 16; ++i) {
#pragma unroll
            for (int j = 0; j < kColumns / 8; ++j) {
#pragma unroll
                for (int e = 0; e < 4; ++e) {
                    const int row = first_row + 16 * i + lane / 4 + e / 2 * 8;
                    const int column = first_column + 8 * j + lane % 4 * 2 + e % 2;
                    staging[row * row_stride + column * column_stride] = sum[i][j][e];
                }
            }
        }
    }
};

// ------------------------------------------------------------------------------------------ epilogue

/// What is added to a tile. Lines are rows where C is row-major, else columns.
template <class C>
struct Addends {
    const C* residual;     ///< as C at the tile's first element
    const C* line_bias;    ///< an element a line of the tile, or nullptr
    const C* length_bias;  ///< an element for each place along the lines, or nullptr
};

/// Writes the staged tile: kLines lines of kLength elements, contiguous in C, of which `lines` x `length` at `c`
/// exist.
template <int kLines, int kLength, class C>
__device__ void write_tile(const SpmmLaunch& launch, const float* staging, C* c, const Addends<C>& addends,
                           std::int64_t lines, std::int64_t length) {
    constexpr int kRuns = kLength / kRun;
    const auto is_aligned = [&](const C* data) {
        return (reinterpret_cast<std::uintptr_t>(data) | launch.ldc * sizeof(C)) % 16 == 0;
    };
    const bool c_aligned = is_aligned(c);
    const bool residual_aligned = is_aligned(addends.residual);
    for (int r = threadIdx.x; r < kLines * kRuns; r += kThreads) {
        const int line = r / kRuns;
        const int offset = r % kRuns * kRun;
        if (line >= lines || offset >= length) {
            continue;
        }
        const std::int64_t place = line * launch.ldc + offset;
        const std::int64_t count = length - offset;
        const Run<float> sums = load_run(staging + line * (kLength + kStagingPad) + offset, kRun, true);
        float x[kRun];
#pragma unroll
        for (int i = 0; i < kRun; ++i) {
            x[i] = launch.alpha * sums.value[i];
        }
        if (launch.beta != 0.0F) {
            const Run<C> residual = load_run(addends.residual + place, count, residual_aligned);
#pragma unroll
            for (int i = 0; i < kRun; ++i) {
                x[i] += launch.beta * to_float(residual.value[i]);
            }
        }
        if (addends.line_bias != nullptr) {
            const float bias = to_float(addends.line_bias[line]);
#pragma unroll
            for (float& element : x) {
                element += bias;
            }
        }
        if (addends.length_bias != nullptr) {
            const Run<C> bias = load_run(addends.length_bias + offset, count, false);
#pragma unroll
            for (int i = 0; i < kRun; ++i) {
                x[i] += to_float(bias.value[i]);
            }
        }
        activate<kDType<C>>(launch.activation, x);
        Run<C> run;
#pragma unroll
        for (int i = 0; i < kRun; ++i) {
            round_to(run.value[i], x[i]);
        }
        store_run(run, c + place, count, c_aligned);
    }
}

template <class C, class Warp, int kTileM>
__device__ void store_tile(const SpmmLaunch& launch, const Warp& warp, SharedStorage<kTileM>& shared,
                           std::int64_t first_row, std::int64_t first_column) {
    const std::int64_t rows = launch.m - first_row;
    const std::int64_t columns = launch.n - first_column;
    const bool row_major = launch.c_layout == Layout::row_major;
    const std::int64_t place =
        blockIdx.z * launch.stride_c +
        (row_major ? first_row * launch.ldc + first_column : first_column * launch.ldc + first_row);
    C* const c = static_cast<C*>(launch.c) + place;
    const C* bias = static_cast<const C*>(launch.bias);
    const bool row_bias = launch.bias_axis == BiasAxis::row;
    if (bias != nullptr) {
        bias += row_bias ? first_row : first_column;
    }
    const Addends<C> addends{static_cast<const C*>(launch.residual) + place,
                             row_bias == row_major ? bias : nullptr, row_bias == row_major ? nullptr : bias};
    if (row_major) {
        warp.stage_sums(shared.staging, kTileN + kStagingPad, 1);
        __syncthreads();
        write_tile<kTileM, kTileN>(launch, shared.staging, c, addends, rows, columns);
    } else {
        warp.stage_sums(shared.staging, 1, kTileM + kStagingPad);
        __syncthreads();
        write_tile<kTileN, kTileM>(launch, shared.staging, c, addends, columns, rows);
    }
}

// ---------------------------------------------------------------------------------------- __global__

/// T is the type of A and B; C is T or float. Grid: x, one CTA a tile, strip after strip; z, the products of a batch.
/// @param tile_rows    ceil(m / kTileM)
/// @param slice_shift  log2(block_k / kSliceK)
template <class T, int kTileM, Layout kBLayout>
__global__ void __launch_bounds__(kThreads, ctas_per_sm(kTileM))
    spmm_sm80(const __grid_constant__ SpmmLaunch launch, int tile_rows, int slice_shift) {
    __shared__ SharedStorage<kTileM> shared;
    const int tile_row = static_cast<int>(blockIdx.x) % tile_rows;
    const std::int64_t first_column =
        static_cast<std::int64_t>(static_cast<int>(blockIdx.x) / tile_rows) * kTileN;

    Producer<kTileM, kBLayout> producer(launch, slice_shift, tile_row, first_column);
    WarpTile<T, kTileM, kBLayout> warp;
    for (int step = 0; step < kStages - 1; ++step) {
        producer.load(shared.stages[step], step);
    }
    const int steps = producer.steps();
    int stage = 0;
    for (int step = 0; step < steps; ++step) {
        cp_async_wait<kStages - 2>();
        // Every thread's copies of this step have landed, and nobody reads the stage that is loaded next.
        __syncthreads();
        producer.load(shared.stages[stage == 0 ? kStages - 1 : stage - 1], step + kStages - 1);
        warp.multiply(shared.stages[stage]);
        stage = stage == kStages - 1 ? 0 : stage + 1;
    }
    __syncthreads();  // the staged tile overwrites the stages

    const std::int64_t first_row = static_cast<std::int64_t>(tile_row) * kTileM;
    if (launch.c_dtype == DType::f32) {
        store_tile<float>(launch, warp, shared, first_row, first_column);
    } else {
        store_tile<T>(launch, warp, shared, first_row, first_column);
    }
}

}  // namespace bsk::sm80
