// Predicted times, in seconds, of the pieces a product is made of. The constants are fitted to measured times
// (cost_constants.h, scripts/fit_cost_model.py).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <bsk/bsr.h>
#include <bsk/device.h>
#include <bsk/plan.h>

#include "plan/kernels.h"
#include "plan/union_lists.h"

namespace bsk {

/// What a predicted time is made of: how much of each the busiest stream (for kernels that order their own work, the
/// average multiprocessor) does. The constants that these are multiplied by are fitted to records.
struct CostTerms {
    std::string variant;  ///< which constants count
    double tiles = 0;     ///< of C
    /// spmm_sm90: tile_m x 64 of A, less where a tile is wider than B; sddmm_sm90: 64 of n; spmm_sm90_pairs: pieces of B;
    /// spmm_sm90_small: bytes of A and B that tiles load, in pieces of B; spmm_sm80: 64 x 64 of A; spmm_skinny: megabytes
    /// through L2
    double steps = 0;
    /// spmm_sm90_pairs: 64 x 64 of A; spmm_sm90_small: products, 64 x unit of A each; spmm_sm80: steps of the longest tile; sddmm_sm90:
    /// microseconds of sddmm_parts_seconds
    double units = 0;
    /// moved through device memory at least, by the whole device; sddmm_sm90: D1 and D2 once in every round of tiles
    double bytes = 0;
};

/// One step of a variant of spmm_sm90 or sddmm_sm90: of spmm_sm90 a tile_m x 64 piece of A times a 64 x tile_n piece of B on
/// one SM. Bound by the tensor cores or by the SM's share of L2 bandwidth, whichever is longer.
[[nodiscard]] double step_seconds(std::string_view variant, const DeviceModel& device);

/// What a tile costs beside its steps: filling the pipeline and the part of the epilogue that no other tile hides.
[[nodiscard]] double tile_seconds(std::string_view variant);

/// What a part of a split tile of C costs beside its steps and the tile, for each part of that tile: 128 KiB of partial sums that
/// the last one to arrive reads.
inline constexpr double kSpmmPartSeconds = 1.6e-6;

/// What a launch with split tiles costs beside: clearing the counters of arrivals; and of spmm_sm90 stores that nothing hides.
inline constexpr double kSmallSplitSeconds = 3e-6;
inline constexpr double kSm90SplitSeconds = 9e-6;

/// A tile of spmm_sm90_pairs or spmm_sm90_small: a group of rows times tile_n columns on one SM. `loads`: steps
/// (CostTerms::steps) for each piece of B.
[[nodiscard]] double group_tile_seconds(const KernelChoice& choice, const GroupWork& work, double loads,
                                        int unit, const DeviceModel& device);

/// Of A's values; of one B; of A's values and every B and C.
[[nodiscard]] double values_bytes(const BsrView& a);
[[nodiscard]] double b_bytes(const BsrView& a, const SpmmProblem& problem);
[[nodiscard]] double memory_bytes(const BsrView& a, const SpmmProblem& problem);

/// The choice whose constants count for tiles of a Hopper kernel where B has n columns: those of lone CTAs are fitted to products
/// of one column tile, and with more the constants of clusters count for both.
[[nodiscard]] KernelChoice costed_choice(KernelId kernel, int tile_m, int tile_n, std::int64_t n);

/// The constants of a Hopper kernel; `unit` as unit_of gives it, for spmm_sm90_small.
[[nodiscard]] std::string cost_variant(const KernelChoice& choice, int unit);

/// Of a launch, whatever it computes.
[[nodiscard]] double fixed_seconds(const CostTerms& terms, const DeviceModel& device);

/// Time to move the terms' bytes.
[[nodiscard]] double memory_seconds(const CostTerms& terms, const DeviceModel& device);

/// fixed + the longer of memory and tiles*tile + the longer of steps*step and units*unit + the share of the other that does
/// not run under it (CostConstants::overlap).
[[nodiscard]] double seconds(const CostTerms& terms, const DeviceModel& device);

}  // namespace bsk
