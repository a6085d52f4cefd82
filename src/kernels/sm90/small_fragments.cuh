// Fragments of B^T: how a consumer warpgroup of spmm_sm90_small brings a unit column of B from shared memory
// to the registers that wgmma reads as its A operand.
#pragma once

#include <cstdint>

#include <bsk/types.h>

#include "kernels/sm90/epilogue.cuh"
#include "kernels/sm90/ptx.cuh"
#include "plan/kernels.h"

namespace bsk {

template <int kUnit>
struct SmallUnit {
    static constexpr int kSlices = kUnit / 16;           ///< of 16 columns of k
    static constexpr int kHalves = kUnit == 16 ? 2 : 1;  ///< 64-column halves of the tile a consumer computes
    static constexpr int kPieceBytes = kUnit * kSm90SmallTileN * 2;  ///< of B for a unit column
};

template <int kUnit, Layout kLayoutB>
struct SmallFragments {
    using Unit = SmallUnit<kUnit>;
    static constexpr bool kRowMajorB = kLayoutB == Layout::row_major;

    /// 64 columns of n x 16 of k each.
    using Fragments = std::uint32_t[Unit::kHalves][Unit::kSlices][4];

    /// Byte offset in a piece of B of the 16 bytes that this lane addresses for ldmatrix; half and slice 0.
    __device__ static std::uint32_t lane_offset(int consumer) {
        const int warp = threadIdx.x % kWarpgroupThreads / 32;
        const int lane = threadIdx.x % 32;
        const int first_half = Unit::kHalves == 1 ? consumer : 0;
        if constexpr (kRowMajorB) {
            // Matrices of 8 rows of k x 8 columns of n, transposed by ldmatrix: lanes 8q .. 8q+7 address
            // columns +8 where q is odd, rows of k +8 where q >= 2.
            const int k = lane / 16 * 8 + lane % 8;
            return first_half * (Unit::kPieceBytes / 2) + swizzled(k, 2 * warp + lane / 8 % 2);
        } else {
            // Matrices of 8 rows of n x 8 columns of k: rows +8 where q is odd, columns +8 where q >= 2.
            const int row = first_half * 64 + warp * 16 + lane % 16;
            const int swap = kUnit == 32 ? row / 2 % 4 : row / 4 % 2;
            return row * (kUnit * 2) + ((lane / 16 ^ swap) << 4);
        }
    }

    /// Loads the fragments of the unit column at `piece` where `rows` is not 0.
    __device__ static void load(Fragments& fragments, std::uint32_t rows, std::uint32_t piece,
                                std::uint32_t lane_offset) {
#pragma unroll
        for (int half = 0; half < Unit::kHalves; ++half) {
#pragma unroll
            for (int slice = 0; slice < Unit::kSlices; ++slice) {
                // Both layouts of B keep the halves Unit::kPieceBytes / 2 apart.
                const std::uint32_t at = kRowMajorB ? lane_offset + slice * 2048 : lane_offset ^ (slice * 32);
                ptx::load_matrix_x4_if<kRowMajorB>(rows, fragments[half][slice],
                                                   piece + half * (Unit::kPieceBytes / 2) + at);
            }
        }
    }
};

}  // namespace bsk
