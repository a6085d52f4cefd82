#include <algorithm>

#include "api/checks.h"
#include "api/plan_state.h"
#include "base/check.h"
#include "base/format_device.h"
#include "format/indices.h"

namespace bsk {

namespace {

void replan_cpu(const PlanState& state, const BsrView& a) {
    validate(a);
    const Indices indices = copy_indices(a);
    std::copy(indices.cols.begin(), indices.cols.end(),
              std::copy(indices.crow.begin(), indices.crow.end(), state.host_indices.begin()));
}

}  // namespace

void replan(const Plan& plan, const BsrView& a, Stream stream) {
    const PlanState& state = plan.state();
    require(state.dynamic, ErrorCode::invalid_argument,
            "The plan is not dynamic; make it with PlanOptions::dynamic to replace its pattern.");
    check_sizes(state.pattern, a);
    require(a.device == state.device, ErrorCode::device_mismatch,
            "The index arrays of A are on {}, the plan on {}.", a.device, state.device);
    require(a.crow_indices != nullptr && (a.nnzb == 0 || a.col_indices != nullptr),
            ErrorCode::invalid_argument, "crow_indices or col_indices of A is null.");
    if (state.device.type == DeviceType::cpu) {
        return replan_cpu(state, a);
    }
    const int alignment = static_cast<int>(size_of(a.index_type));
    check_pointer("crow_indices", a.crow_indices, alignment, state.device);
    check_pointer("col_indices", a.nnzb > 0 ? a.col_indices : nullptr, alignment, state.device);
    const DeviceGuard guard(state.device.index);
    launch_replan(state.replan, a.crow_indices, a.col_indices, a.index_type, stream);
}

}  // namespace bsk
