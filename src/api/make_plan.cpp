#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/plan_state.h"
#include "api/upload.h"
#include "base/check.h"
#include "base/cublas.h"
#include "base/format_device.h"
#include "format/indices.h"
#include "plan/signature.h"

namespace bsk {

namespace {

/// An index array on a CUDA device, as int32 on the host.
std::vector<std::int32_t> fetch(const void* data, IndexType type, std::int64_t count, const Device& device) {
    if (count == 0) {
        return {};
    }
    const DeviceGuard guard(device.index);
    std::vector<std::byte> staged(static_cast<std::size_t>(count * size_of(type)));
    check_cuda(cudaMemcpy(staged.data(), data, staged.size(), cudaMemcpyDeviceToHost),
               "cudaMemcpy of the indices");
    return copy_indices(staged.data(), type, count);
}

/// Validates everything of `a` but the values and returns its indices.
Indices checked_indices(const BsrView& a, const Device& device) {
    require(a.device.type == DeviceType::cpu || a.device == device, ErrorCode::device_mismatch,
            "The index arrays of A are on {}, the plan is for {}; move them to the host or to that device.",
            a.device, device);
    if (a.device.type == DeviceType::cpu) {
        validate(a);
        return copy_indices(a);
    }
    // What must hold before anything is read from the device; validate() checks the rest on the copies.
    require(a.m >= 0 && a.k >= 0 && a.nnzb >= 0 && a.nnzb <= kInt32Max && a.block_m > 0 && a.block_k > 0 &&
                a.m <= kInt32Max && a.k <= kInt32Max,
            ErrorCode::invalid_argument, "A has sizes m = {}, k = {}, block {}x{}, nnzb = {}: out of range.",
            a.m, a.k, a.block_m, a.block_k, a.nnzb);
    require(a.crow_indices != nullptr && (a.nnzb == 0 || a.col_indices != nullptr),
            ErrorCode::invalid_argument, "crow_indices or col_indices of A is null.");
    Indices indices{fetch(a.crow_indices, a.index_type, a.block_rows() + 1, a.device),
                    fetch(a.col_indices, a.index_type, a.nnzb, a.device)};
    BsrView on_host = a;
    on_host.index_type = IndexType::i32;
    on_host.crow_indices = indices.crow.data();
    on_host.col_indices = indices.cols.data();
    on_host.device = {};
    validate(on_host);
    return indices;
}

void keep_on_host(PlanState& state, const Indices& indices) {
    state.host_indices = indices.crow;
    state.host_indices.insert(state.host_indices.end(), indices.cols.begin(), indices.cols.end());
    state.pattern.crow_indices = state.host_indices.data();
    state.pattern.col_indices = state.host_indices.data() + indices.crow.size();
}

std::string describe(const BsrView& a, const HostPlan& plan, const DeviceModel& device) {
    const SpmmProblem& p = plan.problem;
    const double flops =
        2.0 * static_cast<double>(a.nnzb) * a.block_m * a.block_k * static_cast<double>(p.n * p.batch);
    const double tflops = plan.predicted_seconds > 0 ? flops / plan.predicted_seconds * 1e-12 : 0.0;
    return fmt::format(
        "C[{} x {}] = A[{} x {}] * B[{} x {}]{}: {} blocks of {}x{}, {}, C {}; B {}, C {}, on "
        "{}\n{}\nPredicted: {:.4f} ms, {:.2f} executed TFLOP/s.",
        a.m, p.n, a.m, a.k, a.k, p.n, p.batch == 1 ? "" : fmt::format(" for {} matrices B", p.batch), a.nnzb,
        a.block_m, a.block_k, name(a.dtype), name(p.c_dtype), name(p.b_layout), name(p.c_layout), device.name,
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
    const Indices indices = checked_indices(a, device);

    auto state = std::make_shared<PlanState>();
    state->device = device;
    state->dynamic = options.dynamic;
    state->pattern = a;
    state->pattern.index_type = IndexType::i32;
    state->pattern.values = nullptr;
    state->pattern.device = device;
    // Loading cuBLAS takes a while, so only where the plan may use it.
    const bool may_use_cublas =
        options.policy == Policy::automatic || options.kernel == name(KernelId::dense_cublas);
    state->host = plan_spmm(a, indices.crow, indices.cols, check_problem(a, problem), model, options,
                            may_use_cublas ? why_no_cublas() : "");
    state->signature = pattern_signature(indices.crow, indices.cols);
    state->kernel = name(state->host.choice.kernel);
    if (device.type == DeviceType::cuda) {
        upload(*state, indices);
    } else {
        keep_on_host(*state, indices);
    }
    return Plan(std::move(state));
}

PlanPreview preview_plan(const BsrView& a, const SpmmProblem& problem, const DeviceModel& device,
                         const PlanOptions& options) {
    validate(a);
    const Indices indices = copy_indices(a);
    const HostPlan plan =
        plan_spmm(a, indices.crow, indices.cols, check_problem(a, problem), device, options);
    return {name(plan.choice.kernel), describe(a, plan, device), plan.predicted_seconds};
}

}  // namespace bsk
