// What a plan does where a kernel cannot, or cannot well, use B and C as they lie: it works on stream-ordered copies, or threads
// store C in place of TMA.
#pragma once

#include <bsk/bsr.h>
#include <bsk/device.h>

#include "plan/planner.h"

namespace bsk {

/// Decides it for the plan's kernel, and counts the time: of a copy, to read and write the operand once.
void plan_copies(HostPlan& plan, const BsrView& a, const DeviceModel& device);

}  // namespace bsk
