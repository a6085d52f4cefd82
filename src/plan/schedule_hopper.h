// Tiles, clusters and order of work of the Hopper kernels.
#pragma once

#include <cstdint>
#include <vector>

#include <bsk/bsr.h>
#include <bsk/device.h>

#include "plan/planner.h"

namespace bsk {

/// How a plan's explanation says that its kernel rounds products to C's type before an epilogue applies.
inline constexpr const char* kRoundsProduct =
    "With beta != 0, beta and the activation apply to alpha*A*B plus the bias rounded to";

/// Plans spmm_sm90: tries every tile height and cluster size and keeps the shortest schedule. `plan` has its problem and
/// kernel; a `dynamic` plan splits no tiles, as replan() makes the order of its next pattern.
void schedule_sm90(HostPlan& plan, const BsrView& a, const std::vector<std::int32_t>& crow,
                   const DeviceModel& device, bool dynamic);

/// Plans spmm_sm90_pairs: which rows share loads of B, and the cluster size with the shortest schedule.
void schedule_sm90_pairs(HostPlan& plan, const BsrView& a, const std::vector<std::int32_t>& crow,
                         const std::vector<std::int32_t>& col, const DeviceModel& device);

/// Plans spmm_sm90_small: which rows share loads of B, its lists of units, and the cluster size with the shortest schedule. A
/// `dynamic` plan splits no tiles.
void schedule_sm90_small(HostPlan& plan, const BsrView& a, const std::vector<std::int32_t>& crow,
                         const std::vector<std::int32_t>& col, const DeviceModel& device, bool dynamic);

}  // namespace bsk
