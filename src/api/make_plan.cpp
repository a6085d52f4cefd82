#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/checked_indices.h"
#include "api/plan_state.h"
#include "api/upload.h"
#include "base/cublas.h"
#include "format/indices.h"
#include "plan/signature.h"

namespace bsk {

namespace {

/// What a plan multiplies by: A, or A^T.
struct LeftOperand {
    BsrView sizes;
    Indices indices;
    std::vector<std::int32_t> sources;  ///< of A^T; see TransposedIndices
};

LeftOperand left_operand(const BsrView& a, Indices indices, bool transpose) {
    if (!transpose) {
        return {a, std::move(indices), {}};
    }
    TransposedIndices t = transpose_indices(indices, a.block_cols());
    return {transposed_sizes(a), std::move(t.indices), std::move(t.sources)};
}

void keep_on_host(PlanState& state, const LeftOperand& a) {
    state.host_indices = a.indices.crow;
    for (const std::vector<std::int32_t>* array : {&a.indices.cols, &a.sources}) {
        state.host_indices.insert(state.host_indices.end(), array->begin(), array->end());
    }
    const std::int32_t* cols = state.host_indices.data() + a.indices.crow.size();
    state.pattern.crow_indices = state.host_indices.data();
    state.pattern.col_indices = cols;
    state.sources = state.host.problem.transpose_a ? cols + a.indices.cols.size() : nullptr;
}

std::string describe(const BsrView& a, const HostPlan& plan, const DeviceModel& device) {
    const SpmmProblem& p = plan.problem;
    const double flops =
        2.0 * static_cast<double>(a.nnzb) * a.block_m * a.block_k * static_cast<double>(p.n * p.batch);
    const double tflops = plan.predicted_seconds > 0 ? flops / plan.predicted_seconds * 1e-12 : 0.0;
    return fmt::format(
        "C[{} x {}] = {}[{} x {}] * B[{} x {}]{}: {} blocks of {}x{}, {}, C {}; B {}, C {}, on "
        "{}\n{}\nPredicted: {:.4f} ms, {:.2f} executed TFLOP/s.",
        a.m, p.n, p.transpose_a ? "A^T" : "A", a.m, a.k, a.k, p.n,
        p.batch == 1 ? "" : fmt::format(" for {} matrices B", p.batch), a.nnzb, a.block_m, a.block_k,
        name(a.dtype), name(p.c_dtype), name(p.b_layout), name(p.c_layout), device.name,
        fmt::join(plan.reasons, "\n"), 1e3 * plan.predicted_seconds, tflops);
}

}  // namespace

const std::string& Plan::kernel() const {
    return state_->kernel;
}

std::string Plan::explain() const {
    return describe(state_->pattern, state_->host, device_model(state_->device));
}

double Plan::predicted_seconds() const {
    return state_->host.predicted_seconds;
}

std::int64_t Plan::memory_bytes() const {
    return static_cast<std::int64_t>(state_->arrays.bytes() +
                                     state_->host_indices.size() * sizeof(std::int32_t));
}

std::int64_t Plan::packed_bytes() const {
    return state_->host.packed_bytes;
}

Device Plan::device() const {
    return state_->device;
}

const SpmmProblem& Plan::problem() const {
    return state_->host.problem;
}

Plan make_plan(const BsrView& a, const SpmmProblem& problem, Device device, const PlanOptions& options) {
    const DeviceModel model = device_model(device);
    const LeftOperand left = left_operand(a, checked_indices(a, device), problem.transpose_a);

    auto state = std::make_shared<PlanState>();
    state->device = device;
    state->dynamic = options.dynamic;
    state->pattern = left.sizes;
    state->pattern.index_type = IndexType::i32;
    state->pattern.values = nullptr;
    state->pattern.device = device;
    // Loading cuBLAS takes a while, so only where the plan may use it.
    const bool may_use_cublas =
        options.policy == Policy::automatic || options.kernel == name(KernelId::dense_cublas);
    state->host =
        plan_spmm(left.sizes, left.indices.crow, left.indices.cols, check_problem(left.sizes, problem), model,
                  options, may_use_cublas ? why_no_cublas() : "");
    state->signature =
        pattern_signature(left.indices.crow, left.indices.cols) + (problem.transpose_a ? 1U : 0U);
    state->kernel = name(state->host.choice.kernel);
    if (device.type == DeviceType::cuda) {
        upload(*state, left.indices, left.sources);
    } else {
        keep_on_host(*state, left);
    }
    return Plan(std::move(state));
}

PlanPreview preview_plan(const BsrView& a, const SpmmProblem& problem, const DeviceModel& device,
                         const PlanOptions& options) {
    validate(a);
    const LeftOperand left = left_operand(a, copy_indices(a), problem.transpose_a);
    const HostPlan plan = plan_spmm(left.sizes, left.indices.crow, left.indices.cols,
                                    check_problem(left.sizes, problem), device, options);
    return {name(plan.choice.kernel), describe(left.sizes, plan, device), plan.predicted_seconds};
}

}  // namespace bsk
