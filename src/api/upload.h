// The arrays of a CUDA plan, from the host to its device.
#pragma once

#include "api/plan_state.h"
#include "format/indices.h"

namespace bsk {

/// Copies what `state.host`, `indices` and `sources` hold to the plan's device, makes room for what replan() needs if the plan is
/// dynamic, sets `state.arrays`, `launch`, `replan` and the pattern's pointers, and loads the kernels.
/// @throws Error out_of_memory, cuda_error
void upload(PlanState& state, const Indices& indices, const std::vector<std::int32_t>& sources);

}  // namespace bsk
