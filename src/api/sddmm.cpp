#include <bsk/sddmm.h>

#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <bsk/device.h>

#include "api/checked_indices.h"
#include "api/checks.h"
#include "api/packer.h"
#include "api/span.h"
#include "base/check.h"
#include "base/cuda.h"
#include "base/stream_buffer.h"
#include "format/indices.h"
#include "kernels/cpu/sddmm_cpu.h"
#include "kernels/sddmm_launch.h"
#include "kernels/sm80/sddmm_sm80.h"
#ifdef BSK_HAS_SM90
#include "kernels/sm90/sddmm_sm90.h"
#endif
#include "plan/sddmm.h"

namespace bsk {

/// What an SddmmPlan refers to.
struct SddmmState {
    Device device;
    BsrView pattern;  ///< sizes, and int32 index arrays that this state owns on `device`; no values
    HostSddmmPlan host;
    Indices host_indices;  ///< CPU plans
    DeviceBuffer arrays;   ///< CUDA plans: crow_indices, col_indices, tiles, schedule
    SddmmLaunch launch;    ///< CUDA plans: everything but D1, D2, values, alpha and beta
};

namespace {

/// Loads the kernel that will run: a first launch that loads it may allocate and synchronise.
void prepare(SddmmKernel kernel, const SddmmLaunch& launch) {
    switch (kernel) {
        case SddmmKernel::sddmm_simt: return prepare_sddmm_simt(launch);
        case SddmmKernel::sddmm_sm80: return prepare_sddmm_sm80(launch);
#ifdef BSK_HAS_SM90
        case SddmmKernel::sddmm_sm90: return prepare_sddmm_sm90(launch);
#endif
        default: return;
    }
}

void upload(SddmmState& state, const Indices& indices) {
    const HostSddmmPlan& plan = state.host;
    Packer packer;
    const std::size_t crow = packer.add(indices.crow);
    const std::size_t col = packer.add(indices.cols);
    const std::size_t tiles = packer.add(plan.tiles);
    const std::size_t offsets = packer.add(plan.schedule.offsets);
    const std::size_t items = packer.add(plan.schedule.items);
    const std::size_t parts = packer.add(plan.schedule.parts);
    const DeviceGuard guard(state.device.index);
    state.arrays = DeviceBuffer(packer.bytes().data(), packer.bytes().size());
    const auto place = [&]<class T>(const T*& pointer, std::size_t offset) {
        pointer = reinterpret_cast<const T*>(state.arrays.as<std::byte>() + offset);
    };
    SddmmLaunch& launch = state.launch;
    launch.m = state.pattern.m;
    launch.n = plan.problem.n;
    launch.k = state.pattern.k;
    launch.block_m = state.pattern.block_m;
    launch.block_k = state.pattern.block_k;
    launch.nnzb = state.pattern.nnzb;
    launch.longest_row = longest_row(indices.crow);
    launch.dtype = state.pattern.dtype;
    launch.d1_layout = plan.problem.d1_layout;
    launch.ld1 = plan.problem.ld1;
    launch.d2_layout = plan.problem.d2_layout;
    launch.ld2 = plan.problem.ld2;
    launch.values_dtype = plan.problem.values_dtype;
    place(launch.crow_indices, crow);
    place(launch.col_indices, col);
    place(launch.tiles, tiles);
    place(launch.work_offsets, offsets);
    place(launch.work, items);
    place(launch.parts, parts);
    launch.part_count = static_cast<int>(plan.schedule.parts.size());
    launch.split_tiles = plan.schedule.split_tiles;
    launch.streams = plan.schedule.offsets.empty() ? 0 : static_cast<int>(plan.schedule.offsets.size()) - 1;
    state.pattern.crow_indices = launch.crow_indices;
    state.pattern.col_indices = launch.col_indices;
    StreamBuffer::prepare();
    prepare(plan.kernel, launch);
}

void launch_cuda(const SddmmState& state, const void* d1, const void* d2, void* values, float alpha,
                 float beta, Stream stream) {
    const int alignment = state.host.kernel == SddmmKernel::sddmm_sm90
                              ? kTmaAlignment
                              : static_cast<int>(size_of(state.pattern.dtype));
    check_pointer("D1", d1, alignment, state.device);
    check_pointer("D2", d2, alignment, state.device);
    check_pointer("values", values, kValuesAlignment, state.device);
    const DeviceGuard guard(state.device.index);
    SddmmLaunch launch = state.launch;
    launch.d1 = d1;
    launch.d2 = d2;
    launch.values = values;
    launch.alpha = alpha;
    launch.beta = beta;
    switch (state.host.kernel) {
        case SddmmKernel::sddmm_simt: return launch_sddmm_simt(launch, stream);
        case SddmmKernel::sddmm_sm80: return launch_sddmm_sm80(launch, stream);
#ifdef BSK_HAS_SM90
        case SddmmKernel::sddmm_sm90: return launch_sddmm_sm90(launch, stream);
#endif
        default:
            fail(ErrorCode::internal, "Kernel {} is not a CUDA kernel of this build.",
                 name(state.host.kernel));
    }
}

}  // namespace

std::string SddmmPlan::kernel() const {
    return name(state_->host.kernel);
}

std::string SddmmPlan::explain() const {
    const BsrView& a = state_->pattern;
    const SddmmProblem& p = state_->host.problem;
    const double seconds = state_->host.predicted_seconds;
    const double flops = 2.0 * static_cast<double>(a.nnzb) * a.block_m * a.block_k * static_cast<double>(p.n);
    return fmt::format(
        "{} blocks of {}x{} of D1[{} x {}] * D2[{} x {}]: {}, values {}; D1 {}, D2 {}, on {}\n{}\n{}", a.nnzb,
        a.block_m, a.block_k, a.m, p.n, p.n, a.k, name(a.dtype), name(p.values_dtype), name(p.d1_layout),
        name(p.d2_layout), device_model(state_->device).name, fmt::join(state_->host.reasons, "\n"),
        seconds > 0 ? fmt::format("Predicted: {:.4f} ms, {:.2f} executed TFLOP/s.", 1e3 * seconds,
                                  flops / seconds * 1e-12)
                    : fmt::format("Predicted: nothing, {} has no cost model.", kernel()));
}

double SddmmPlan::predicted_seconds() const {
    return state_->host.predicted_seconds;
}

std::int64_t SddmmPlan::memory_bytes() const {
    const std::size_t indices = state_->host_indices.crow.size() + state_->host_indices.cols.size();
    return static_cast<std::int64_t>(state_->arrays.bytes() + indices * sizeof(std::int32_t));
}

Device SddmmPlan::device() const {
    return state_->device;
}

const SddmmProblem& SddmmPlan::problem() const {
    return state_->host.problem;
}

SddmmPlan make_sddmm_plan(const BsrView& a, const SddmmProblem& problem, Device device,
                          const std::string& kernel) {
    const DeviceModel model = device_model(device);
    Indices indices = checked_indices(a, device);
    auto state = std::make_shared<SddmmState>();
    state->device = device;
    state->pattern = a;
    state->pattern.index_type = IndexType::i32;
    state->pattern.values = nullptr;
    state->pattern.device = device;
    state->host = plan_sddmm(a, indices.crow, indices.cols, check_problem(a, problem), model, kernel);
    if (device.type == DeviceType::cuda) {
        upload(*state, indices);
    } else {
        state->host_indices = std::move(indices);
        state->pattern.crow_indices = state->host_indices.crow.data();
        state->pattern.col_indices = state->host_indices.cols.data();
    }
    return SddmmPlan(std::move(state));
}

void sddmm(const SddmmPlan& plan, const ConstMatrixView& d1, const ConstMatrixView& d2, void* values,
           float alpha, float beta, Stream stream) {
    const SddmmState& state = plan.state();
    const SddmmProblem& problem = state.host.problem;
    const BsrView& a = state.pattern;
    check_dense("D1", d1, a.m, problem.n, a.dtype, problem.d1_layout, problem.ld1, state.device);
    check_dense("D2", d2, problem.n, a.k, a.dtype, problem.d2_layout, problem.ld2, state.device);
    require(values != nullptr || a.nnzb == 0, ErrorCode::invalid_argument,
            "The values are null although nnzb = {}.", a.nnzb);
    const Span out = span_of_elements(values, a.nnzb * a.block_m * a.block_k, problem.values_dtype);
    for (const auto& [input, argument] : {std::pair{&d1, "D1"}, std::pair{&d2, "D2"}}) {
        require(!overlap(out, span_of(*input, 1, 0)), ErrorCode::invalid_argument,
                "The values overlap {} in memory; give them a buffer of their own.", argument);
    }
    if (a.nnzb == 0) {
        return;
    }
    if (state.device.type == DeviceType::cpu) {
        sddmm_cpu(a, d1, d2, problem.values_dtype, values, alpha, beta);
    } else {
        launch_cuda(state, d1.data, d2.data, values, alpha, beta, stream);
    }
}

}  // namespace bsk
