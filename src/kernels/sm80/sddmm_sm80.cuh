// values = alpha*(D1*D2) + beta*values at the stored blocks, on tensor cores through cp.async, ldmatrix and mma.sync: any
// block, layout, size and alignment.
//
// Split of the work: the stored blocks of a block row, side by side, make one long line of columns. A CTA of 4 warps
// computes tile_m rows of it, tile_m = min(block_m, 64), by 64 columns, which may come from several blocks. It walks n in
// steps of 32; three stages of shared memory hold steps: while one is multiplied, two are in flight. What lies outside D1
// and D2 and past the last stored block is filled with zeros, so that the products need no masks.
//
//   stage:  a  D1 row-major [tile_m][32], D1 col-major [32][tile_m]
//           b  D2 row-major [32][64],     D2 col-major [64][32]
//
// Chunks of 16 bytes are exchanged within a row (`swizzled`), so that ldmatrix finds those of 8 rows in different banks.
// After the last step the same memory stages the fp32 sums, so that values are written in runs of 8.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/sddmm_launch.h"
#include "kernels/sm80/copy.cuh"
#include "kernels/sm80/mma.cuh"
#include "kernels/sm80/run.cuh"

namespace bsk::sm80::sampled {

inline constexpr int kThreads = 128;
inline constexpr int kTileN = 64;  // columns of values
inline constexpr int kStep = 32;   // of n
inline constexpr int kStages = 3;
inline constexpr int kStagingPad = 4;  // floats: keeps runs 16-byte aligned and spreads rows over the banks

template <int kTileM>
struct Stage {
    std::uint16_t a[kTileM * kStep];
    std::uint16_t b[kStep * kTileN];
};

template <int kTileM>
struct alignas(128) SharedStorage {
    union {
        Stage<kTileM> stages[kStages];
        float staging[kTileM * (kTileN + kStagingPad)];
    };
};

/// The CTA's place: rows of the block row, and columns of the line of its stored blocks.
struct Place {
    std::int64_t first_row;  // of D1
    int row_in_block;
    int first_block;  // stored blocks [first_block, last_block) of the block row
    int last_block;
    int first_column;  // of the line

    __device__ Place(const SddmmLaunch& launch, int tile_m)
        : first_row(static_cast<std::int64_t>(blockIdx.x) * tile_m),
          row_in_block(static_cast<int>(first_row % launch.block_m)),
          first_column(static_cast<int>(blockIdx.y) * kTileN) {
        const std::int32_t* range = launch.crow_indices + first_row / launch.block_m;
        first_block = range[0];
        last_block = range[1];
    }

    /// The stored block at a column of the line; last_block or more past its end.
    __device__ int block_at(const SddmmLaunch& launch, int column) const {
        return first_block + (first_column + column) / launch.block_k;
    }
    __device__ int column_in_block(const SddmmLaunch& launch, int column) const {
        return (first_column + column) & (launch.block_k - 1);
    }
};

// ------------------------------------------------------------------------------------------ producer

/// A thread's chunks of a kRows x kRow tile whose rows lie `ld` apart: chunk kThreads*i + thread.
template <int kRows, int kRow, class Visitor>
__device__ inline void for_each_chunk(Visitor visit) {
    constexpr int kChunks = kRows * kRow / kChunk;
#pragma unroll
    for (int first = 0; first < kChunks; first += kThreads) {
        const int chunk = first + static_cast<int>(threadIdx.x);
        if (kChunks % kThreads == 0 || chunk < kChunks) {
            visit(chunk / (kRow / kChunk), chunk % (kRow / kChunk));
        }
    }
}

template <class Copy>
__device__ inline void copy_chunk(std::uint16_t* target, const std::uint16_t* base, std::int64_t offset,
                                  std::int64_t count, Copy copy) {
    const int elements = static_cast<int>(max(std::int64_t{0}, min(count, std::int64_t{kChunk})));
    copy(target, elements > 0 ? base + offset : base, elements);
}

/// tile_m rows of D1 by 32 of n from `first` on.
template <int kTileM, Layout kLayout, class Copy>
__device__ inline void load_a(std::uint16_t* a, const SddmmLaunch& launch, const Place& place,
                              std::int64_t first, Copy copy) {
    const auto* d1 = static_cast<const std::uint16_t*>(launch.d1);
    if constexpr (kLayout == Layout::row_major) {
        for_each_chunk<kTileM, kStep>([&](int row, int chunk) {
            const std::int64_t i = place.first_row + row;
            const std::int64_t t = first + chunk * kChunk;
            copy_chunk(a + swizzled<kStep>(row, chunk), d1, i * launch.ld1 + t,
                       i < launch.m ? launch.n - t : 0, copy);
        });
    } else {
        for_each_chunk<kStep, kTileM>([&](int row, int chunk) {
            const std::int64_t i = place.first_row + chunk * kChunk;
            const std::int64_t t = first + row;
            copy_chunk(a + swizzled<kTileM>(row, chunk), d1, t * launch.ld1 + i,
                       t < launch.n ? launch.m - i : 0, copy);
        });
    }
}

/// 32 of n from `first` on by the tile's columns of D2.
template <Layout kLayout, class Copy>
__device__ inline void load_b(std::uint16_t* b, const SddmmLaunch& launch, const Place& place,
                              std::int64_t first, Copy copy) {
    const auto* d2 = static_cast<const std::uint16_t*>(launch.d2);
    const auto column_of = [&](int column) {  // of D2; k past the last stored block
        const int block = place.block_at(launch, column);
        return block < place.last_block
                   ? static_cast<std::int64_t>(__ldg(launch.col_indices + block)) * launch.block_k +
                         place.column_in_block(launch, column)
                   : launch.k;
    };
    if constexpr (kLayout == Layout::row_major) {
        for_each_chunk<kStep, kTileN>([&](int row, int chunk) {
            const std::int64_t j = column_of(chunk * kChunk);
            const std::int64_t t = first + row;
            copy_chunk(b + swizzled<kTileN>(row, chunk), d2, t * launch.ld2 + j,
                       t < launch.n ? launch.k - j : 0, copy);
        });
    } else {
        for_each_chunk<kTileN, kStep>([&](int row, int chunk) {
            const std::int64_t j = column_of(row);
            const std::int64_t t = first + chunk * kChunk;
            copy_chunk(b + swizzled<kStep>(row, chunk), d2, j * launch.ld2 + t,
                       j < launch.k ? launch.n - t : 0, copy);
        });
    }
}

// ------------------------------------------------------------------------------------------ mainloop

/// The part of the tile that a warp accumulates: 2 x 2 warps on 64 rows, else 1 x 4.
template <class T, int kTileM, Layout kLayout1, Layout kLayout2>
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
        for (int slice = 0; slice < kStep / 16; ++slice) {
            Fragment a[kRows / 16];
#pragma unroll
            for (int i = 0; i < kRows / 16; ++i) {
                a[i] = fragment_a(stage.a, slice, first_row + 16 * i);
            }
#pragma unroll
            for (int j = 0; j < kColumns / 16; ++j) {
                const Fragment b = fragment_b(stage.b, slice, first_column + 16 * j);
#pragma unroll
                for (int i = 0; i < kRows / 16; ++i) {
                    mma_m16n8k16<T>(sum[i][2 * j], a[i], b.reg[0], b.reg[1]);
                    mma_m16n8k16<T>(sum[i][2 * j + 1], a[i], b.reg[2], b.reg[3]);
                }
            }
        }
    }

    /// 16 rows x 16 of n: rows 0-7 and 8-15 of n 0-7, then of n 8-15.
    __device__ Fragment fragment_a(const std::uint16_t* a, int slice, int row) const {
        if constexpr (kLayout1 == Layout::row_major) {
            return ldmatrix(a + swizzled<kStep>(row + lane % 16, 2 * slice + lane / 16));
        } else {
            const int t = 16 * slice + lane % 8 + lane / 16 * 8;
            return ldmatrix_trans(a + swizzled<kTileM>(t, row / kChunk + lane / 8 % 2));
        }
    }

    /// 16 of n x 16 columns: n 0-7 and 8-15 of columns 0-7, then of columns 8-15.
    __device__ Fragment fragment_b(const std::uint16_t* b, int slice, int column) const {
        if constexpr (kLayout2 == Layout::row_major) {
            return ldmatrix_trans(b + swizzled<kTileN>(16 * slice + lane % 16, column / kChunk + lane / 16));
        } else {
            return ldmatrix(b + swizzled<kStep>(column + lane % 8 + lane / 16 * 8, 2 * slice + lane / 8 % 2));
        }
    }

    __device__ void stage_sums(float* staging) const {
#pragma unroll
        for (int i = 0; i < kRows / 16; ++i) {
#pragma unroll
            for (int j = 0; j < kColumns / 8; ++j) {
#pragma unroll
                for (int e = 0; e < 4; ++e) {
                    const int row = first_row + 16 * i + lane / 4 + e / 2 * 8;
                    const int column = first_column + 8 * j + lane % 4 * 2 + e % 2;
                    staging[row * (kTileN + kStagingPad) + column] = sum[i][j][e];
                }
            }
        }
    }
};

// ------------------------------------------------------------------------------------------ epilogue

/// Runs of 8 columns lie in one block: its sides are multiples of 16.
template <class V, int kTileM>
__device__ inline void write_values(const SddmmLaunch& launch, const Place& place, const float* staging) {
    for (int r = threadIdx.x; r < kTileM * kTileN / kRun; r += kThreads) {
        const int row = r / (kTileN / kRun);
        const int column = r % (kTileN / kRun) * kRun;
        const int block = place.block_at(launch, column);
        if (block >= place.last_block) {
            continue;
        }
        V* values =
            static_cast<V*>(launch.values) +
            (static_cast<std::int64_t>(block) * launch.block_m + place.row_in_block + row) * launch.block_k +
            place.column_in_block(launch, column);
        const Run<float> sums = load_run(staging + row * (kTileN + kStagingPad) + column, kRun, true);
        Run<V> old{};
        if (launch.beta != 0.0F) {
            old = load_run(values, kRun, true);
        }
        Run<V> run;
#pragma unroll
        for (int i = 0; i < kRun; ++i) {
            const float added = launch.beta != 0.0F ? launch.beta * to_float(old.value[i]) : 0.0F;
            round_to(run.value[i], launch.alpha * sums.value[i] + added);
        }
        store_run(run, values, kRun, true);
    }
}

// ---------------------------------------------------------------------------------------- __global__

/// T is the type of D1 and D2; values are T or float. Grid: x, tiles of rows; y, tiles of the longest row's columns.
template <class T, int kTileM, Layout kLayout1, Layout kLayout2>
__global__ void __launch_bounds__(kThreads) sddmm_sm80(const __grid_constant__ SddmmLaunch launch) {
    __shared__ SharedStorage<kTileM> shared;
    const Place place(launch, kTileM);
    if (place.block_at(launch, 0) >= place.last_block) {
        return;
    }
    const bool a_aligned = reinterpret_cast<std::uintptr_t>(launch.d1) % 16 == 0 && launch.ld1 % kChunk == 0;
    const bool b_aligned = reinterpret_cast<std::uintptr_t>(launch.d2) % 16 == 0 && launch.ld2 % kChunk == 0;
    const auto steps = static_cast<int>((launch.n + kStep - 1) / kStep);
    const auto load = [&](Stage<kTileM>& stage, int step) {
        if (step < steps) {
            const std::int64_t first = static_cast<std::int64_t>(step) * kStep;
            if (a_aligned) {
                load_a<kTileM, kLayout1>(stage.a, launch, place, first, CopyAligned{});
            } else {
                load_a<kTileM, kLayout1>(stage.a, launch, place, first, CopyElements{});
            }
            if (b_aligned) {
                load_b<kLayout2>(stage.b, launch, place, first, CopyAligned{});
            } else {
                load_b<kLayout2>(stage.b, launch, place, first, CopyElements{});
            }
        }
        cp_async_commit();
    };
    WarpTile<T, kTileM, kLayout1, kLayout2> warp;
    for (int step = 0; step < kStages - 1; ++step) {
        load(shared.stages[step], step);
    }
    for (int step = 0; step < steps; ++step) {
        cp_async_wait<kStages - 2>();
        // Every thread's copies of this step have landed, and nobody reads the stage that is loaded next.
        __syncthreads();
        load(shared.stages[(step + kStages - 1) % kStages], step + kStages - 1);
        warp.multiply(shared.stages[step % kStages]);
    }
    __syncthreads();  // the staged sums overwrite the stages
    warp.stage_sums(shared.staging);
    __syncthreads();
    if (launch.values_dtype == DType::f32) {
        write_values<float, kTileM>(launch, place, shared.staging);
    } else {
        write_values<T, kTileM>(launch, place, shared.staging);
    }
}

}  // namespace bsk::sm80::sampled
