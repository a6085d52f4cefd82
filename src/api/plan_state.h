// What a Plan refers to.
#pragma once

#include <cstdint>
#include <vector>

#include <bsk/bsr.h>
#include <bsk/plan.h>

#include "base/cuda.h"
#include "format/indices.h"
#include "kernels/replan/replan.h"
#include "kernels/spmm_launch.h"
#include "plan/planner.h"

namespace bsk {

struct PlanState {
    Device device;
    std::string kernel;
    /// Of A, or of A^T where the plan multiplies by that: sizes, and int32 index arrays that this state owns on `device`; no
    /// values.
    BsrView pattern;
    /// Where A is transposed: the position in A of each block of A^T [nnzb], on `device`; else null.
    const std::int32_t* sources = nullptr;
    HostPlan host;
    /// CPU plans: crow_indices, col_indices, sources. Mutable as device memory is: replan() overwrites them.
    mutable std::vector<std::int32_t> host_indices;
    DeviceBuffer arrays;          ///< CUDA plans: crow_indices, col_indices, work_offsets, work, ...
    std::uint64_t signature = 0;  ///< of the pattern; another one where A is transposed
    SpmmLaunch launch;            ///< CUDA plans: everything but values, B, C, alpha and beta
    bool dynamic = false;
    ReplanLaunch replan;  ///< dynamic CUDA plans

    /// Sizes of A as its owner stores it.
    [[nodiscard]] BsrView stored_sizes() const {
        return host.problem.transpose_a ? transposed_sizes(pattern) : pattern;
    }
};

}  // namespace bsk
