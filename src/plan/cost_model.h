// Predicted times, in seconds, of the pieces a product is made of. Every constant is measured or simulated;
// where from stands beside it.
#pragma once

#include <cstdint>

#include <bsk/bsr.h>
#include <bsk/device.h>
#include <bsk/plan.h>

#include "plan/kernels.h"
#include "plan/union_lists.h"

namespace bsk {

/// One step of spmm_sm90: a tile_m x 64 piece of A times a 64 x tile_n piece of B on one SM. Bound by the
/// tensor cores or by the SM's share of L2 bandwidth, whichever is longer.
[[nodiscard]] double sm90_step_seconds(const KernelChoice& choice, const DeviceModel& device);

/// What a tile of spmm_sm90 costs beside its steps: filling the pipeline and the part of the epilogue that no
/// other tile hides.
[[nodiscard]] double sm90_tile_seconds(const KernelChoice& choice);

/// A tile of spmm_sm90_small: a group of rows times tile_n columns on one SM.
[[nodiscard]] double sm90_small_tile_seconds(const KernelChoice& choice, const GroupWork& work, int unit,
                                             const DeviceModel& device);

/// Time to move A's values, B and C through device memory once.
[[nodiscard]] double memory_seconds(const BsrView& a, const SpmmProblem& problem, const DeviceModel& device);

/// The least time a kernel may be predicted to take: executed FLOPs at its best rate, or memory. It is the
/// prediction for kernels whose order of work is not planned.
/// @param longest_row  the most blocks that a block row of A stores
[[nodiscard]] double least_seconds(KernelId kernel, const BsrView& a, std::int64_t longest_row,
                                   const SpmmProblem& problem, const DeviceModel& device);

/// Copying values of A in the order in which spmm_sm90_small reads them.
[[nodiscard]] double pack_seconds(std::int64_t bytes, const DeviceModel& device);

/// Writing A's blocks into a dense matrix.
[[nodiscard]] double expand_seconds(const BsrView& a, const DeviceModel& device);

/// From the call to the first instruction on the device, and back.
[[nodiscard]] double launch_seconds(const DeviceModel& device);

}  // namespace bsk
