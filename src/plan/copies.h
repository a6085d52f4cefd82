// Which dense operands a kernel gets in stream-ordered copies, because it cannot, or cannot well, use them where they lie.
#pragma once

#include <bsk/bsr.h>
#include <bsk/device.h>

#include "plan/planner.h"

namespace bsk {

/// Decides which operands the plan's kernel works on copies of, and counts their time: read and written once each way.
void plan_copies(HostPlan& plan, const BsrView& a, const DeviceModel& device);

}  // namespace bsk
