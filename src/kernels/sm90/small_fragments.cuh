// Fragments of A: how a consumer warpgroup of spmm_sm90_small brings units from shared memory to the registers that
// wgmma reads as its A operand.
#pragma once

#include <cstdint>

#include "kernels/sm90/epilogue.cuh"
#include "kernels/sm90/packed_units.h"
#include "kernels/sm90/ptx.cuh"

namespace bsk {

/// What a consumer multiplies at a time: 32 columns of A, which are one or two unit columns, of its two bands of 64
/// rows. A warp holds 16 rows of each band, all of one unit row: its unit there, or zeros where none is stored.
template <int kUnit>
class SmallFragments {
public:
    static constexpr int kBands = 2;
    static constexpr int kSlices = 2;             ///< of 16 columns of A
    static constexpr int kColumns = 32 / kUnit;   ///< unit columns
    static constexpr int kBandRows = 64 / kUnit;  ///< unit rows of a band

    using Registers = std::uint32_t[kBands][kSlices][4];
    /// Bit r: unit row r of the tile stores a unit in the unit column.
    using Masks = std::uint32_t[kColumns];

    /// `zeros`: address of 16 zero bytes in shared memory.
    __device__ SmallFragments(int consumer, std::uint32_t zeros) : zeros_(zeros) {
        const int warp = threadIdx.x % kWarpgroupThreads / 32;
        const int lane = threadIdx.x % 32;
#pragma unroll
        for (int band = 0; band < kBands; ++band) {
            const int first = (consumer * kBands + band) * kBandRows;
            band_rows_[band] = ((1U << kBandRows) - 1) << first;
            own_row_[band] = 1U << (first + warp * 16 / kUnit);
        }
        // Matrices of 8 rows x 8 columns: rows +8 where lane / 8 is odd, columns +8 where lane / 16 is 1.
        lane_offset_ = packed_piece_offset(kUnit, warp * 16 % kUnit + lane % 16, lane / 16);
    }

    /// Bit i*kBands + band: rows of the band store units in unit column i. The same in the whole warpgroup.
    __device__ std::uint32_t stored(const Masks& masks) const {
        std::uint32_t bits = 0;
#pragma unroll
        for (int i = 0; i < kColumns; ++i) {
#pragma unroll
            for (int band = 0; band < kBands; ++band) {
                bits |= (masks[i] & band_rows_[band]) != 0 ? 1U << (i * kBands + band) : 0;
            }
        }
        return __shfl_sync(0xFFFFFFFF, bits, 0);  // so that the compiler knows it is the same
    }

    /// Loads what stored() says from the units that start at `units`; the rest keeps its value.
    __device__ void load(Registers& registers, const Masks& masks, std::uint32_t units) const {
#pragma unroll
        for (int i = 0; i < kColumns; ++i) {
#pragma unroll
            for (int band = 0; band < kBands; ++band) {
                const std::uint32_t before = __popc(masks[i] & (own_row_[band] - 1));
                const std::uint32_t unit = units + before * unit_bytes(kUnit) + lane_offset_;
                const bool stored = (masks[i] & own_row_[band]) != 0;
#pragma unroll
                for (int slice = 0; slice < kSlices / kColumns; ++slice) {
                    ptx::load_matrix_x4_if<false>(masks[i] & band_rows_[band],
                                                  registers[band][i * (kSlices / kColumns) + slice],
                                                  stored ? unit ^ (slice * 32) : zeros_);
                }
            }
            units += __popc(masks[i]) * unit_bytes(kUnit);
        }
    }

private:
    std::uint32_t band_rows_[kBands];  ///< all unit rows of a band, as bits of a mask
    std::uint32_t own_row_[kBands];    ///< this warp's
    std::uint32_t lane_offset_;        ///< of the 16 bytes in a unit that this lane addresses for ldmatrix; slice 0
    std::uint32_t zeros_;
};

}  // namespace bsk
