// C = activation(alpha*A*B + beta*R + bias) on tensor cores through cp.async, ldmatrix and mma.sync: any block, layout,
// size and alignment.
//
// Split of the work: a CTA computes one tile of C that lies inside one block row, so that it needs that row's stored
// blocks only. CTAs are numbered down the tile rows of a strip of columns first: those in flight share the strip's
// part of B in L2.
//
// The stored blocks of the row are walked as k slices of 16 columns of A, the k of one mma. A step takes
// kTileK / 16 of them, whichever blocks they come from; what lies past the last slice, past k and past n is filled with
// zeros, so that the products need no masks. Stages of shared memory hold steps: while one is multiplied, the
// others are in flight. A warp reads the fragments of a slice while it multiplies the slice before. Where every copy is a
// whole chunk, copies and products stand in one straight line; a second loop computes all other tiles.
//
//   stage:  a [tile_m][tile_k]               rows of A
//           b [tile_n / 64][tile_k][64]      B row-major: panels of 64 columns, rows are k
//             [tile_n][tile_k]               B col-major: rows are n
//
// Chunks of 16 bytes are exchanged within a row (`swizzled`) so that ldmatrix, which reads one chunk of 8 consecutive
// rows, finds them in 8 different groups of 4 banks. After the last step the same memory stages the sums of C.
#pragma once

#include <cstdint>

#include "kernels/sm80/copy.cuh"
#include "kernels/sm80/mma.cuh"
#include "kernels/sm80/tile_config.cuh"
#include "kernels/sm80/tile_loads.cuh"
#include "kernels/sm80/tile_store.cuh"
#include "kernels/spmm_launch.h"

namespace bsk::sm80 {

// ------------------------------------------------------------------------------------------ mainloop

/// What a warp multiplies in one slice.
template <class Config>
struct Fragments {
    Fragment a[Config::kWarpM / 16];
    Fragment b[Config::kWarpN / 16];
};

/// The part of the tile that a warp accumulates.
template <class Config>
struct WarpTile {
    static constexpr int kRows = Config::kWarpM;
    static constexpr int kColumns = Config::kWarpN;

    int lane = static_cast<int>(threadIdx.x) % 32;
    int first_row = static_cast<int>(threadIdx.x) / 32 / Config::kWarpsN * kRows;
    int first_column = static_cast<int>(threadIdx.x) / 32 % Config::kWarpsN * kColumns;
    float sum[kRows / 16][kColumns / 8][4] = {};

    __device__ void read(Fragments<Config>& fragments, const Stage<Config>& stage, int slice) const {
#pragma unroll
        for (int i = 0; i < kRows / 16; ++i) {
            // Matrices in the order of the A fragment: rows 0-7 and 8-15 of k 0-7, then of k 8-15.
            const int row = first_row + 16 * i + lane % 16;
            fragments.a[i] = ldmatrix(stage.a + swizzled<Config::kTileK>(row, 2 * slice + lane / 16));
        }
#pragma unroll
        for (int j = 0; j < kColumns / 16; ++j) {
            fragments.b[j] = read_b(stage.b, slice, first_column + 16 * j);
        }
    }

    /// Along the rows of the tile, to and fro: ptxas keeps the fragment of A for all products of a row.
    __device__ void multiply(const Fragments<Config>& fragments) {
        constexpr int kPieces = kColumns / 8;
#pragma unroll
        for (int i = 0; i < kRows / 16; ++i) {
#pragma unroll
            for (int piece = 0; piece < kPieces; ++piece) {
                const int j = i % 2 == 0 ? piece : kPieces - 1 - piece;
                const std::uint32_t* const b = fragments.b[j / 2].reg + j % 2 * 2;
                mma_m16n8k16<typename Config::T>(sum[i][j], fragments.a[i], b[0], b[1]);
            }
        }
    }

    /// Stages rows 16*pass ... of the sums as lines of kColumns.
    __device__ void stage_rows(float* staging, int pass) const {
#pragma unroll
        for (int i = 0; i < kRows / 16; ++i) {
            if (i == pass) {
#pragma unroll
                for (int j = 0; j < kColumns / 8; ++j) {
#pragma unroll
                    for (int half = 0; half < 2; ++half) {
                        const int row = lane / 4 + 8 * half;
                        const int column = 8 * j + lane % 4 * 2;
                        *reinterpret_cast<float2*>(staging + row * (kColumns + kRowPad) + column) =
                            make_float2(sum[i][j][2 * half], sum[i][j][2 * half + 1]);
                    }
                }
            }
        }
    }

    /// Stages columns 16*pass ... of the sums as lines of kRows.
    __device__ void stage_columns(float* staging, int pass) const {
#pragma unroll
        for (int j = 0; j < kColumns / 8; ++j) {
            if (j / 2 == pass) {
#pragma unroll
                for (int i = 0; i < kRows / 16; ++i) {
#pragma unroll
                    for (int e = 0; e < 4; ++e) {
                        const int row = 16 * i + lane / 4 + e / 2 * 8;
                        const int column = j % 2 * 8 + lane % 4 * 2 + e % 2;
                        staging[column * (kRows + kColumnPad) + row] = sum[i][j][e];
                    }
                }
            }
        }
    }

private:
    /// 16 k x 16 columns of B: k 0-7 and 8-15 of columns 0-7, then of columns 8-15.
    __device__ Fragment read_b(const std::uint16_t* b, int slice, int column) const {
        if constexpr (Config::kBLayout == Layout::row_major) {
            const std::uint16_t* panel = b + column / kPanelN * (Config::kTileK * kPanelN);
            const int k = kSliceK * slice + lane % 16;
            return ldmatrix_trans(panel + swizzled<kPanelN>(k, column % kPanelN / kChunk + lane / 16));
        } else {
            const int row = column + lane % 8 + lane / 16 * 8;
            return ldmatrix(b + swizzled<Config::kTileK>(row, 2 * slice + lane / 8 % 2));
        }
    }
};

/// Multiplies the stored blocks of the tile's row.
/// @tparam kBIsWhole  loads.b_is_whole()
template <bool kBIsWhole, class Config>
__device__ void multiply(TileLoads<Config>& loads, Stage<Config> (&stages)[Config::kStages],
                         WarpTile<Config>& warp) {
    constexpr int kStages = Config::kStages;
    constexpr int kSlices = Config::kSlices;
    static_assert(kSlices % 2 == 0, "the two sets of fragments take turns");
    const int steps = loads.steps();
    const auto load = [&](int stage, int step) {
        if (step < steps) {  // the branch also keeps ptxas from mixing copies with products, which is slower
            loads.template load<kBIsWhole>(stages[stage], step);
        }
        cp_async_commit();  // a group for each step, copied or not: cp_async_wait counts them
    };
    for (int step = 0; step < kStages - 1; ++step) {
        load(step, step);
    }
    cp_async_wait<kStages - 2>();
    __syncthreads();  // every thread's copies of step 0 have landed
    Fragments<Config> fragments[2];
    warp.read(fragments[0], stages[0], 0);
    int stage = 0;
    for (int step = 0; step < steps; ++step) {
        // Nobody reads the stage of the step before any more.
        load(stage == 0 ? kStages - 1 : stage - 1, step + kStages - 1);
#pragma unroll
        for (int slice = 0; slice < kSlices; ++slice) {
            if (slice == kSlices - 1) {
                stage = stage == kStages - 1 ? 0 : stage + 1;
                cp_async_wait<kStages - 2>();
                __syncthreads();  // every thread's copies of the next step have landed, and this one is read
            }
            warp.read(fragments[(slice + 1) % 2], stages[stage], (slice + 1) % kSlices);
            warp.multiply(fragments[slice % 2]);
        }
    }
    cp_async_wait<0>();
    __syncthreads();  // nobody reads or writes the stages any more
}

// ---------------------------------------------------------------------------------------- __global__

/// C is of Config::T or float. Grid: x, one CTA a tile, strip after strip; z, the products of a batch.
/// @param tile_rows  ceil(m / kTileM)
/// @param k_shift    log2(block_k)
template <class Config>
__global__ void __launch_bounds__(Config::kThreads, Config::kCtas)
    spmm_sm80(const __grid_constant__ SpmmLaunch launch, int tile_rows, int k_shift) {
    extern __shared__ char memory[];
    SharedStorage<Config>& shared = *reinterpret_cast<SharedStorage<Config>*>(memory);
    const int tile_row = static_cast<int>(blockIdx.x) % tile_rows;
    const int first_column = static_cast<int>(blockIdx.x) / tile_rows * Config::kTileN;

    TileLoads<Config> loads(launch, k_shift, tile_row, first_column);
    WarpTile<Config> warp;
    if (loads.b_is_whole()) {
        multiply<true>(loads, shared.stages, warp);
    } else {
        multiply<false>(loads, shared.stages, warp);
    }

    float* const staging = shared.staging[threadIdx.x / 32];
    const std::int64_t first_row = static_cast<std::int64_t>(tile_row) * Config::kTileM;
    if (launch.c_dtype == DType::f32) {
        store_tile<float>(launch, warp, staging, first_row, first_column);
    } else {
        store_tile<typename Config::T>(launch, warp, staging, first_row, first_column);
    }
}

}  // namespace bsk::sm80
