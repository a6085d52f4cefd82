// Sums that came out as NaN or infinity, over the stored units only.
//
// In spmm_sm90_small a row multiplies zeros where another row of its band stores a unit and it does not, and
// 0 * infinity is NaN: a value of B that is not finite would pass through blocks that are not stored. Such sums are
// taken again one by one, which is slow and seldom.
#pragma once

#include <cuda_fp16.h>

#include <bsk/types.h>

#include "kernels/sm90/epilogue.cuh"
#include "kernels/sm90/small_producer.cuh"

namespace bsk {

/// Element (row, col) of A*B, product `batch`: the row in a tile of stages [begin, end).
template <DType kType, int kUnit, Layout kLayoutB>
__device__ inline float sum_stored(const SpmmSm90SmallParams& p, int begin, int end, int row, int col,
                                   int batch) {
    constexpr int kSteps = kGroupStageK / kUnit;
    const auto* b = static_cast<const std::uint16_t*>(p.b) + batch * p.stride_b;
    const std::uint32_t own_row = 1U << row / kUnit;
    float sum = 0;
    for (int stage = begin; stage < end; ++stage) {
        std::int64_t first = p.stage_units[stage];
        for (int step = 0; step < kSteps; ++step) {
            const UnionStep at = p.steps[stage * kSteps + step];
            if ((at.rows & own_row) != 0) {
                const std::uint8_t* unit = p.packed + (first + __popc(at.rows & (own_row - 1))) * unit_bytes(kUnit);
                for (int i = 0; i < kUnit && at.column * kUnit + i < p.k; ++i) {
                    const std::int64_t k = at.column * kUnit + i;
                    const std::uint8_t* piece = unit + packed_piece_offset(kUnit, row % kUnit, i / 8);
                    const std::uint32_t x = reinterpret_cast<const std::uint16_t*>(piece)[i % 8];
                    const std::uint32_t y = b[kLayoutB == Layout::row_major ? k * p.ldb + col : col * p.ldb + k];
                    sum += unpack<kType>(x).x * unpack<kType>(y).x;
                }
            }
            first += __popc(at.rows);
        }
    }
    return sum;
}

/// Replaces what is not finite in the accumulators of two bands of 64 rows x 128 columns from (row, col) on.
template <DType kType, int kUnit, Layout kLayoutB>
__device__ inline void recompute_not_finite(float (&acc)[128], const SpmmSm90SmallParams& p, int begin, int end,
                                            int row, int col, int batch) {
    float zero = 0;
#pragma unroll
    for (const float x : acc) {
        zero = fmaf(x, 0.0F, zero);
    }
    if (zero == 0) {  // not NaN
        return;
    }
    float copy[128];  // in local memory, so that a loop can index it
#pragma unroll
    for (int i = 0; i < 128; ++i) {
        copy[i] = acc[i];
    }
    const int lane = threadIdx.x % 32;
    row += threadIdx.x % kWarpgroupThreads / 32 * 16 + lane / 4;
    col += lane % 4 * 2;
#pragma unroll 1
    for (int i = 0; i < 128; ++i) {
        const int at_row = row + i / 64 * 64 + i / 2 % 2 * 8;
        const int at_col = col + i % 64 / 4 * 8 + i % 2;
        if (!isfinite(copy[i]) && at_col < p.n) {
            copy[i] = sum_stored<kType, kUnit, kLayoutB>(p, begin, end, at_row, at_col, batch);
        }
    }
#pragma unroll
    for (int i = 0; i < 128; ++i) {
        acc[i] = copy[i];
    }
}

}  // namespace bsk
