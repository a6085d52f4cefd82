// What a Plan refers to.
#pragma once

#include <cstdint>
#include <vector>

#include <bsk/bsr.h>
#include <bsk/plan.h>

#include "base/cuda.h"
#include "kernels/replan/replan.h"
#include "kernels/spmm_launch.h"
#include "plan/planner.h"

namespace bsk {

struct PlanState {
    Device device;
    std::string kernel;
    BsrView pattern;  ///< sizes, and int32 index arrays that this state owns on `device`; no values
    HostPlan host;
    /// CPU plans: crow_indices, then col_indices. Mutable as device memory is: replan() overwrites them.
    mutable std::vector<std::int32_t> host_indices;
    DeviceBuffer arrays;          ///< CUDA plans: crow_indices, col_indices, work_offsets, work
    std::uint64_t signature = 0;  ///< of the pattern
    SpmmLaunch launch;            ///< CUDA plans: everything but values, B, C, alpha and beta
    bool dynamic = false;
    ReplanLaunch replan;  ///< dynamic CUDA plans
};

}  // namespace bsk
