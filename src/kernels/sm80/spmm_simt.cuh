// C = activation(alpha*A*B + beta*R + bias) in fp32 on the ordinary cores: any block, layout, size and alignment.
//
// Split of the work: a CTA computes one tile_m x 64 tile of C, tile_m = min(block_m, 64), so that the tile
// lies inside one block row; it walks the row's stored blocks in k slices of 16. A thread computes 4 x 4
// elements: rows 4*(t / 16) ... and columns t % 16 + 0, 16, 32, 48.
//
//   shared memory:  a [tile_m][16 + 1]   rows of A
//                   b [16][64 + 1]       rows of B, zeros past k and past n
//
// The padding spreads columns over the banks.
#pragma once

#include <cstdint>

#include "kernels/activation.cuh"
#include "kernels/spmm_launch.h"

namespace bsk::simt {

inline constexpr int kTileN = 64;
inline constexpr int kSliceK = 16;
inline constexpr int kSide = 4;                        // a thread computes kSide x kSide elements
inline constexpr int kThreadColumns = kTileN / kSide;  // threads side by side

template <int kTileM>
inline constexpr int kThreads = kTileM / kSide* kThreadColumns;

template <int kTileM>
struct SharedStorage {
    float a[kTileM][kSliceK + 1];
    float b[kSliceK][kTileN + 1];
};

/// Element (i, j) of a dense matrix is at i*row_stride + j*column_stride.
struct Strides {
    std::int64_t row;
    std::int64_t column;

    __device__ Strides(Layout layout, std::int64_t ld)
        : row(layout == Layout::row_major ? ld : 1), column(layout == Layout::row_major ? 1 : ld) {}
};

// ------------------------------------------------------------------------------------------ producer

/// @param a  the tile's first row in the slice
template <int kTileM>
__device__ void load_a(const float* a, int block_k, SharedStorage<kTileM>& shared) {
    for (int e = threadIdx.x; e < kTileM * kSliceK; e += kThreads<kTileM>) {
        const int row = e / kSliceK;
        const int k = e % kSliceK;
        shared.a[row][k] = a[row * block_k + k];
    }
}

/// Loads rows first_k ... and columns first_column ... of B; neighbouring threads take neighbours in memory.
template <int kTileM>
__device__ void load_b(const SpmmLaunch& launch, std::int64_t first_k, std::int64_t first_column,
                       SharedStorage<kTileM>& shared) {
    const float* b = static_cast<const float*>(launch.b) + blockIdx.z * launch.stride_b;
    const Strides strides(launch.b_layout, launch.ldb);
    const bool row_major = launch.b_layout == Layout::row_major;
    for (int e = threadIdx.x; e < kSliceK * kTileN; e += kThreads<kTileM>) {
        const int row = row_major ? e / kTileN : e % kSliceK;
        const int column = row_major ? e % kTileN : e / kSliceK;
        const std::int64_t k = first_k + row;
        const std::int64_t n = first_column + column;
        shared.b[row][column] = k < launch.k && n < launch.n ? b[k * strides.row + n * strides.column] : 0.0F;
    }
}

// ------------------------------------------------------------------------------------------ mainloop

template <int kTileM>
__device__ void multiply(const SharedStorage<kTileM>& shared, int first_row, int first_column,
                         float (&sum)[kSide][kSide]) {
#pragma unroll
    for (int k = 0; k < kSliceK; ++k) {
#pragma unroll
        for (int i = 0; i < kSide; ++i) {
#pragma unroll
            for (int j = 0; j < kSide; ++j) {
                sum[i][j] += shared.a[first_row + i][k] * shared.b[k][first_column + j * kThreadColumns];
            }
        }
    }
}

// ------------------------------------------------------------------------------------------ epilogue

__device__ inline void store(const SpmmLaunch& launch, std::int64_t first_row, std::int64_t first_column,
                             const float (&sum)[kSide][kSide]) {
    float* const c = static_cast<float*>(launch.c) + blockIdx.z * launch.stride_c;
    const float* const residual = static_cast<const float*>(launch.residual) + blockIdx.z * launch.stride_c;
    const float* const bias = static_cast<const float*>(launch.bias);
    const Strides strides(launch.c_layout, launch.ldc);
    float x[kSide * kSide];
#pragma unroll
    for (int e = 0; e < kSide * kSide; ++e) {
        const std::int64_t row = first_row + e / kSide;
        const std::int64_t column = first_column + e % kSide * kThreadColumns;
        x[e] = launch.alpha * sum[e / kSide][e % kSide];
        if (row < launch.m && column < launch.n) {
            if (launch.beta != 0.0F) {
                x[e] += launch.beta * residual[row * strides.row + column * strides.column];
            }
            if (bias != nullptr) {
                x[e] += bias[launch.bias_axis == BiasAxis::row ? row : column];
            }
        }
    }
    activate<DType::f32>(launch.activation, x);
#pragma unroll
    for (int e = 0; e < kSide * kSide; ++e) {
        const std::int64_t row = first_row + e / kSide;
        const std::int64_t column = first_column + e % kSide * kThreadColumns;
        if (row < launch.m && column < launch.n) {
            c[row * strides.row + column * strides.column] = x[e];
        }
    }
}

// ---------------------------------------------------------------------------------------- __global__

/// Grid: x, one CTA a tile, strip of kTileN columns after strip; z, the products of a batch.
/// @param tile_rows  ceil(m / kTileM)
template <int kTileM>
__global__ void __launch_bounds__(kThreads<kTileM>, 2)
    spmm_simt(const __grid_constant__ SpmmLaunch launch, int tile_rows) {
    __shared__ SharedStorage<kTileM> shared;
    const int tile_row = static_cast<int>(blockIdx.x) % tile_rows;
    const std::int64_t tile_column = static_cast<int>(blockIdx.x) / tile_rows;
    const int tiles_per_block = launch.block_m / kTileM;
    const int block_row = tile_row / tiles_per_block;
    const std::int64_t row_in_block = static_cast<std::int64_t>(tile_row % tiles_per_block) * kTileM;
    const std::int64_t block_size = static_cast<std::int64_t>(launch.block_m) * launch.block_k;
    const int thread_row = static_cast<int>(threadIdx.x) / kThreadColumns * kSide;
    const int thread_column = static_cast<int>(threadIdx.x) % kThreadColumns;

    float sum[kSide][kSide] = {};
    for (int p = launch.crow_indices[block_row]; p < launch.crow_indices[block_row + 1]; ++p) {
        const float* const a =
            static_cast<const float*>(launch.values) + p * block_size + row_in_block * launch.block_k;
        const std::int64_t block_first_k = static_cast<std::int64_t>(launch.col_indices[p]) * launch.block_k;
        for (int k = 0; k < launch.block_k; k += kSliceK) {
            load_a(a + k, launch.block_k, shared);
            load_b(launch, block_first_k + k, tile_column * kTileN, shared);
            __syncthreads();  // the slice is complete
            multiply(shared, thread_row, thread_column, sum);
            __syncthreads();  // nobody reads the slice any more
        }
    }
    store(launch, static_cast<std::int64_t>(tile_row) * kTileM + thread_row,
          tile_column * kTileN + thread_column, sum);
}

}  // namespace bsk::simt
