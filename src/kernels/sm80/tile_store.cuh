// Epilogue of spmm_sm80: a warp's sums go through shared memory, so that C is written along its lines.
#pragma once

#include <cstdint>

#include "kernels/activation.cuh"
#include "kernels/sm80/run.cuh"
#include "kernels/sm80/tile_config.cuh"
#include "kernels/spmm_launch.h"

namespace bsk::sm80 {

/// What is added to a tile. Lines are rows where C is row-major, else columns.
template <class C>
struct Addends {
    const C* residual;     ///< as C at the tile's first element
    const C* line_bias;    ///< an element a line of the tile, or nullptr
    const C* length_bias;  ///< an element for each place along the lines, or nullptr
};

/// Writes staged sums by one warp: 16 lines of kLength elements, contiguous in C, of which `lines` x `length` at `c`
/// exist.
template <int kLength, int kPad, class C>
__device__ void write_lines(const SpmmLaunch& launch, const float* staging, C* c, const Addends<C>& addends,
                            std::int64_t lines, std::int64_t length) {
    constexpr int kRuns = kLength / kRun;
    const auto is_aligned = [&](const C* data) {
        return (reinterpret_cast<std::uintptr_t>(data) | launch.ldc * sizeof(C)) % 16 == 0;
    };
    const bool c_aligned = is_aligned(c);
    const bool residual_aligned = is_aligned(addends.residual);
    for (int r = static_cast<int>(threadIdx.x) % 32; r < 16 * kRuns; r += 32) {
        const int line = r / kRuns;
        const int offset = r % kRuns * kRun;
        if (line >= lines || offset >= length) {
            continue;
        }
        const std::int64_t place = line * launch.ldc + offset;
        const std::int64_t count = length - offset;
        const Run<float> sums = load_run(staging + line * (kLength + kPad) + offset, kRun, true);
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

/// Writes a warp's part of C, 16 lines at a time.
/// @param warp     whose sums these are; kRows x kColumns of C from its first_row and first_column on
/// @param staging  of this warp
template <class C, class Warp>
__device__ void store_tile(const SpmmLaunch& launch, const Warp& warp, float* staging, std::int64_t tile_row,
                           std::int64_t tile_column) {
    constexpr int kRows = Warp::kRows;
    constexpr int kColumns = Warp::kColumns;
    const bool row_major = launch.c_layout == Layout::row_major;
    for (int pass = 0; pass < (row_major ? kRows : kColumns) / 16; ++pass) {
        const std::int64_t row = tile_row + warp.first_row + (row_major ? 16 * pass : 0);
        const std::int64_t column = tile_column + warp.first_column + (row_major ? 0 : 16 * pass);
        const std::int64_t rows = launch.m - row;
        const std::int64_t columns = launch.n - column;
        if (rows <= 0 || columns <= 0) {
            return;
        }
        const std::int64_t place = blockIdx.z * launch.stride_c +
                                   (row_major ? row * launch.ldc + column : column * launch.ldc + row);
        C* const c = static_cast<C*>(launch.c) + place;
        const C* bias = static_cast<const C*>(launch.bias);
        const bool row_bias = launch.bias_axis == BiasAxis::row;
        if (bias != nullptr) {
            bias += row_bias ? row : column;
        }
        const Addends<C> addends{static_cast<const C*>(launch.residual) + place,
                                 row_bias == row_major ? bias : nullptr,
                                 row_bias == row_major ? nullptr : bias};
        __syncwarp();  // no lane reads the sums of the pass before
        if (row_major) {
            warp.stage_rows(staging, pass);
            __syncwarp();
            write_lines<kColumns, kRowPad>(launch, staging, c, addends, rows, columns);
        } else {
            warp.stage_columns(staging, pass);
            __syncwarp();
            write_lines<kRows, kColumnPad>(launch, staging, c, addends, columns, rows);
        }
    }
}

}  // namespace bsk::sm80
