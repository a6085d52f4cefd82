#include <cmath>
#include <cstring>
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/plan_state.h"
#include "base/check.h"
#include "base/cublas.h"
#include "base/format_device.h"
#include "base/math.h"
#include "format/indices.h"
#include "kernels/dense/dense_cublas.h"
#include "kernels/sm80/spmm_sm80.h"
#ifdef BSK_HAS_SM90
#include "kernels/sm90/spmm_sm90.h"
#include "kernels/sm90/spmm_sm90_small.h"
#endif
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

/// Packs arrays behind each other, each aligned for the widest load of a kernel.
class Packer {
public:
    template <class T>
    std::size_t add(const std::vector<T>& array) {
        const std::size_t offset = bytes_.size();
        const std::size_t size = array.size() * sizeof(T);
        bytes_.resize(offset +
                      static_cast<std::size_t>(round_up(static_cast<std::int64_t>(size), kAlignment)));
        if (size > 0) {
            std::memcpy(bytes_.data() + offset, array.data(), size);
        }
        return offset;
    }
    /// Room for `count` elements that the host does not fill.
    template <class T>
    std::size_t reserve(std::int64_t count) {
        return add(std::vector<T>(static_cast<std::size_t>(count)));
    }
    [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }

private:
    static constexpr std::int64_t kAlignment = 16;
    std::vector<std::byte> bytes_;
};

/// Loads the kernel that will run: a first launch that loads it may allocate and synchronise.
void prepare(const SpmmLaunch& launch) {
    switch (launch.choice.kernel) {
        case KernelId::spmm_simt: return prepare_spmm_simt(launch);
        case KernelId::spmm_sm80: return prepare_spmm_sm80(launch);
        case KernelId::dense_cublas: return prepare_dense_cublas(launch);
#ifdef BSK_HAS_SM90
        case KernelId::spmm_sm90: return prepare_spmm_sm90(launch);
        case KernelId::spmm_sm90_small: return prepare_spmm_sm90_small(launch);
#endif
        default: return;
    }
}

void upload(PlanState& state, const Indices& indices) {
    const Schedule& schedule = state.host.schedule;
    Packer packer;
    const std::size_t crow = packer.add(indices.crow);
    const std::size_t col = packer.add(indices.cols);
    const std::size_t offsets = packer.add(schedule.offsets);
    const std::size_t items = packer.add(schedule.items);
    const UnionLists& lists = state.host.lists;
    const std::size_t group_chunks = packer.add(lists.group_chunks);
    const std::size_t group_stages = packer.add(lists.group_stages);
    const std::size_t steps = packer.add(lists.steps);
    const std::size_t stage_units = packer.add(lists.stage_units);
    const std::size_t units = packer.add(lists.units);
    const bool deals = state.dynamic && !schedule.offsets.empty();
    const auto item_count = deals ? static_cast<std::int64_t>(schedule.items.size()) : 0;
    const std::int64_t tile_rows = deals ? ceil_div(state.pattern.m, state.host.choice.tile_m) : 0;
    const std::size_t costs = packer.reserve<std::uint64_t>(tile_rows);
    const std::size_t tail = packer.reserve<std::int32_t>(item_count / 4);
    const std::size_t placements = packer.reserve<Placement>(item_count);
    const DeviceGuard guard(state.device.index);
    state.arrays = DeviceBuffer(packer.bytes().data(), packer.bytes().size());
    std::byte* base = state.arrays.as<std::byte>();

    const SpmmProblem& problem = state.host.problem;
    SpmmLaunch& launch = state.launch;
    launch.m = state.pattern.m;
    launch.n = problem.n;
    launch.k = state.pattern.k;
    launch.block_m = state.pattern.block_m;
    launch.block_k = state.pattern.block_k;
    launch.nnzb = state.pattern.nnzb;
    launch.crow_indices = reinterpret_cast<const std::int32_t*>(base + crow);
    launch.col_indices = reinterpret_cast<const std::int32_t*>(base + col);
    launch.dtype = state.pattern.dtype;
    launch.b_layout = problem.b_layout;
    launch.ldb = problem.ldb;
    launch.c_dtype = problem.c_dtype;
    launch.c_layout = problem.c_layout;
    launch.ldc = problem.ldc;
    launch.batch = problem.batch;
    launch.stride_b = problem.stride_b;
    launch.stride_c = problem.stride_c;
    launch.choice = state.host.choice;
    launch.work_offsets = reinterpret_cast<const std::int32_t*>(base + offsets);
    launch.work = reinterpret_cast<const WorkItem*>(base + items);
    launch.group_chunks = reinterpret_cast<const std::int32_t*>(base + group_chunks);
    launch.group_stages = reinterpret_cast<const std::int32_t*>(base + group_stages);
    launch.steps = reinterpret_cast<const UnionStep*>(base + steps);
    launch.stage_units = reinterpret_cast<const std::int32_t*>(base + stage_units);
    launch.units = reinterpret_cast<const std::int32_t*>(base + units);
    launch.streams = schedule.offsets.empty() ? 0 : static_cast<int>(schedule.offsets.size()) - 1;
    prepare(launch);
    state.pattern.crow_indices = launch.crow_indices;
    state.pattern.col_indices = launch.col_indices;
    if (!state.dynamic) {
        return;
    }
    ReplanLaunch& replan = state.replan;
    replan.block_rows = state.pattern.block_rows();
    replan.block_cols = state.pattern.block_cols();
    replan.nnzb = state.pattern.nnzb;
    replan.crow_indices = reinterpret_cast<std::int32_t*>(base + crow);
    replan.col_indices = reinterpret_cast<std::int32_t*>(base + col);
    if (item_count > 0) {
        DeviceSchedule& order = replan.schedule;
        order.tile_rows = static_cast<std::int32_t>(tile_rows);
        order.strips = static_cast<std::int32_t>(item_count / tile_rows);
        order.streams = launch.streams;
        order.tiles_per_block = state.pattern.block_m / launch.choice.tile_m;
        order.tile_picoseconds = std::llround(1e12 * state.host.tile_seconds);
        order.block_picoseconds = std::llround(1e12 * state.host.block_seconds);
        order.offsets = reinterpret_cast<std::int32_t*>(base + offsets);
        order.items = reinterpret_cast<WorkItem*>(base + items);
        order.costs = reinterpret_cast<std::uint64_t*>(base + costs);
        order.tail = reinterpret_cast<std::int32_t*>(base + tail);
        order.placements = reinterpret_cast<Placement*>(base + placements);
    }
    prepare_replan();
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
