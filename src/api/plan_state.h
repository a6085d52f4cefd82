// What a Plan refers to.
#pragma once

#include <cstdint>
#include <vector>

#include <bsk/bsr.h>
#include <bsk/plan.h>

#include "base/cuda.h"
#include "kernels/spmm_launch.h"
#include "plan/planner.h"

namespace bsk {

struct PlanState {
    Device device;
    std::string kernel;
    BsrView pattern;  ///< sizes, and int32 index arrays that this state owns on `device`; no values
    HostPlan host;
    std::vector<std::int32_t> host_indices;  ///< CPU plans: crow_indices, then col_indices
    DeviceBuffer arrays;                     ///< CUDA plans: crow_indices, col_indices, work_offsets, work
    std::uint64_t signature = 0;             ///< of the pattern
    SpmmLaunch launch;                       ///< CUDA plans: everything but values, B, C, alpha and beta
};

}  // namespace bsk
