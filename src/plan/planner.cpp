#include "plan/planner.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "base/math.h"
#include "plan/cost_model.h"

namespace bsk {

namespace {

constexpr std::int64_t kMaxBatch = 65535;  // of a grid's z dimension

std::int64_t filled_ld(const char* argument, std::int64_t ld, Layout layout, std::int64_t rows,
                       std::int64_t cols) {
    const std::int64_t tightest = std::max<std::int64_t>(layout == Layout::row_major ? cols : rows, 1);
    require(ld == 0 || ld >= tightest, ErrorCode::invalid_argument,
            "{} = {} is too small: a {} matrix of {} x {} needs at least {}.", argument, ld, name(layout),
            rows, cols, tightest);
    require(ld <= kInt32Max, ErrorCode::too_large, "{} = {} is too large: expected at most {}.", argument, ld,
            kInt32Max);
    return ld == 0 ? tightest : ld;
}

/// Lines of a dense rows x cols matrix: rows where it is row-major, else columns; and elements of one.
struct Lines {
    std::int64_t count;
    std::int64_t length;
};

Lines lines_of(Layout layout, std::int64_t rows, std::int64_t cols) {
    return layout == Layout::row_major ? Lines{rows, cols} : Lines{cols, rows};
}

std::int64_t filled_stride(const char* argument, std::int64_t stride, const Lines& lines, std::int64_t ld) {
    require(stride >= 0, ErrorCode::invalid_argument,
            "{} is {}; expected elements from one matrix to the next.", argument, stride);
    return stride == 0 ? lines.count * ld : stride;
}

/// Fills in the strides of a batch where they are 0. Its matrices C may follow each other, or interleave by lines.
void check_batch(const BsrView& a, SpmmProblem& problem) {
    require(problem.batch >= 1 && problem.batch <= kMaxBatch, ErrorCode::invalid_argument,
            "batch is {}; expected 1 to {}.", problem.batch, kMaxBatch);
    const Lines b = lines_of(problem.b_layout, a.k, problem.n);
    const Lines c = lines_of(problem.c_layout, a.m, problem.n);
    problem.stride_b = filled_stride("stride_b", problem.stride_b, b, problem.ldb);
    problem.stride_c = filled_stride("stride_c", problem.stride_c, c, problem.ldc);
    const bool follow = problem.stride_c >= (c.count - 1) * problem.ldc + c.length;
    const bool interleave =
        problem.stride_c >= c.length && (problem.batch - 1) * problem.stride_c + c.length <= problem.ldc;
    require(problem.batch == 1 || c.count * c.length == 0 || follow || interleave,
            ErrorCode::invalid_argument,
            "stride_c = {} lets the matrices C of a batch of {} overlap; expected at least {}.",
            problem.stride_c, problem.batch, (c.count - 1) * problem.ldc + c.length);
}

KernelId kernel_of(const std::string& kernel_name) {
    for (const KernelId kernel : kKernels) {
        if (kernel_name == name(kernel)) {
            return kernel;
        }
    }
    std::vector<std::string_view> names;
    std::transform(kKernels.begin(), kKernels.end(), std::back_inserter(names),
                   [](KernelId kernel) { return name(kernel); });
    fail(ErrorCode::invalid_argument, "kernel \"{}\" is not known; expected one of {}.", kernel_name,
         fmt::join(names, ", "));
}

/// why_not, and what the plan's options and this process ask for.
std::string why_not_here(KernelId kernel, const BsrView& a, const SpmmProblem& problem,
                         const DeviceModel& device, const PlanOptions& options,
                         const std::string& no_cublas) {
    if (options.dynamic && kernel == KernelId::spmm_sm90_small) {
        return "only the host can make its lists, and the plan is dynamic";
    }
    const std::string reason = why_not(kernel, a, problem, device);
    return reason.empty() && kernel == KernelId::dense_cublas ? no_cublas : reason;
}

/// A kernel that computes the product, and the least time it may be predicted to take.
struct Candidate {
    KernelId kernel = KernelId::spmm_cpu;
    double least_seconds = 0;
};

/// The kernels that compute the product, by least time; why the device's others do not, in `reasons`.
std::vector<Candidate> find_candidates(const BsrView& a, std::int64_t longest_row, const SpmmProblem& problem,
                                       const DeviceModel& device, const PlanOptions& options,
                                       const std::string& no_cublas, std::vector<std::string>& reasons) {
    std::vector<Candidate> candidates;
    for (const KernelId kernel : kKernels) {
        if (kernel == KernelId::dense_cublas && options.policy == Policy::sparse) {
            continue;
        }
        const std::string reason = why_not_here(kernel, a, problem, device, options, no_cublas);
        if (reason.empty()) {
            candidates.push_back({kernel, least_seconds(kernel, a, longest_row, problem, device)});
        } else if (runs_on(kernel, device)) {
            reasons.push_back(fmt::format("Not {}: {}.", name(kernel), reason));
        }
    }
    require(!candidates.empty(), ErrorCode::unsupported,
            "No kernel of this build runs on {} (compute capability {}.{}); the CPU backend computes every "
            "case.",
            device.name, device.cc_major, device.cc_minor);
    std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& x, const Candidate& y) {
        return x.least_seconds < y.least_seconds;
    });
    return candidates;
}

/// Cost in seconds of one tile of each tile row, cut into steps of 64 columns of A.
std::vector<double> tile_row_costs(const BsrView& a, const std::vector<std::int32_t>& crow,
                                   const KernelChoice& choice, const DeviceModel& device) {
    const double step = sm90_step_seconds(choice, device);
    const double fixed = sm90_tile_seconds(choice);
    const int tiles_per_block = a.block_m / choice.tile_m;
    const int steps_per_block = a.block_k / kSm90TileK;
    std::vector<double> costs(static_cast<std::size_t>(ceil_div(a.m, choice.tile_m)));
    for (std::size_t row = 0; row < costs.size(); ++row) {
        const std::size_t block_row = row / tiles_per_block;
        const double steps = static_cast<double>(crow[block_row + 1] - crow[block_row]) * steps_per_block;
        costs[row] = fixed + steps * step;
    }
    return costs;
}

/// Schedules tile rows of these costs, and keeps the choice if that ends sooner than what the plan holds.
void consider(HostPlan& plan, const KernelChoice& choice, const std::vector<double>& costs,
              const DeviceModel& device) {
    const std::int64_t strips =
        plan.problem.batch *
        ceil_div(plan.problem.n, static_cast<std::int64_t>(choice.tile_n) * choice.cluster);
    Schedule schedule = make_schedule(costs, strips, device.sm_count / choice.cluster);
    if (plan.schedule.offsets.empty() || schedule.makespan < plan.schedule.makespan) {
        plan.choice = choice;
        plan.schedule = std::move(schedule);
    }
}

/// Predicted time and reasons of a scheduled kernel; `tiles` describes them.
void explain_schedule(HostPlan& plan, const BsrView& a, const DeviceModel& device, const std::string& tiles) {
    const double memory = memory_seconds(a, plan.problem, device);
    plan.predicted_seconds = launch_seconds(device) + std::max(plan.schedule.makespan, memory);
    plan.reasons.push_back(fmt::format(
        "{}; {}.", tiles,
        plan.choice.cluster == 2 ? "clusters of 2 CTAs along n read A once by multicast"
                                 : "no clusters: there is one column tile, or more streams finish sooner"));
    plan.reasons.push_back(
        fmt::format("{} tiles for {} streams, strip by strip, the last quarter longest first; the longest "
                    "stream takes {:.3f} ms, moving everything through memory once {:.3f} ms.",
                    plan.schedule.items.size(), plan.schedule.offsets.size() - 1,
                    1e3 * plan.schedule.makespan, 1e3 * memory));
}

/// Cluster sizes worth a try: a cluster of 2 needs two column tiles.
std::vector<int> clusters(std::int64_t n, int tile_n) {
    return n > tile_n ? std::vector<int>{2, 1} : std::vector<int>{1};
}

/// Tries every tile height and cluster size and keeps the shortest schedule.
void schedule_sm90(HostPlan& plan, const BsrView& a, const std::vector<std::int32_t>& crow,
                   const DeviceModel& device) {
    for (const int tile_m : {128, 64}) {
        for (const int cluster : clusters(plan.problem.n, kSm90TileN)) {
            if (a.block_m % tile_m == 0) {
                const KernelChoice choice{KernelId::spmm_sm90, tile_m, kSm90TileN, cluster};
                consider(plan, choice, tile_row_costs(a, crow, choice, device), device);
            }
        }
    }
    plan.tile_seconds = sm90_tile_seconds(plan.choice);
    plan.block_seconds = sm90_step_seconds(plan.choice, device) * (a.block_k / kSm90TileK);
    explain_schedule(
        plan, a, device,
        fmt::format("Tiles of {}x{} of C, {} of A a step", plan.choice.tile_m, kSm90TileN, kSm90TileK));
}

void schedule_sm90_small(HostPlan& plan, const BsrView& a, const std::vector<std::int32_t>& crow,
                         const std::vector<std::int32_t>& col, const DeviceModel& device,
                         const PlanOptions& options) {
    const int unit = unit_of(a.block_m, a.block_k);
    plan.lists = make_union_lists(a, crow, col);
    plan.packed_bytes = a.nnzb * a.block_m * a.block_k * size_of(a.dtype);
    const std::vector<GroupWork> works = group_work(plan.lists);
    GroupWork total;
    for (const GroupWork& work : works) {
        total.columns += work.columns;
        total.units += work.units;
    }
    for (const int cluster : clusters(plan.problem.n, kSm90SmallTileN)) {
        const KernelChoice choice{KernelId::spmm_sm90_small, kGroupRows, kSm90SmallTileN, cluster};
        std::vector<double> costs;
        costs.reserve(works.size());
        for (const GroupWork& work : works) {
            costs.push_back(sm90_small_tile_seconds(choice, work, unit, device));
        }
        consider(plan, choice, costs, device);
    }
    explain_schedule(
        plan, a, device,
        fmt::format(
            "Tiles of {}x{} of C; {} rows of A share loads of B: {:.2f} units of {}x{} for "
            "each piece of B",
            kGroupRows, kSm90SmallTileN, kGroupRows,
            static_cast<double>(total.units) / static_cast<double>(std::max<std::int64_t>(total.columns, 1)),
            unit, unit));
    const double packing = pack_seconds(plan.packed_bytes, device);
    if (!options.packed_values) {
        plan.predicted_seconds += packing;
    }
    plan.reasons.push_back(fmt::format("Packing A takes {:.4f} ms, {}.", 1e3 * packing,
                                       options.packed_values ? "once" : "in every product"));
}

/// Adds the expansion of A to the plan.
void plan_dense(HostPlan& plan, const BsrView& a, const DeviceModel& device, const PlanOptions& options) {
    plan.packed_bytes = a.m * round_up(a.k, 8) * size_of(a.dtype);
    const double expansion = expand_seconds(a, device);
    if (!options.packed_values) {
        plan.predicted_seconds += expansion;
    }
    plan.reasons.push_back(
        fmt::format("A as a dense matrix takes {:.1f} MiB; expanding it takes {:.4f} ms, {}.",
                    static_cast<double>(plan.packed_bytes) / (1 << 20), 1e3 * expansion,
                    options.packed_values ? "once" : "in every product"));
}

/// The most blocks that a block row stores.
std::int64_t longest_row(const std::vector<std::int32_t>& crow) {
    std::int64_t longest = 0;
    for (std::size_t row = 0; row + 1 < crow.size(); ++row) {
        longest = std::max<std::int64_t>(longest, crow[row + 1] - crow[row]);
    }
    return longest;
}

/// The plan by one kernel that computes the product; its reasons do not say why this kernel.
HostPlan plan_kernel(KernelId kernel, const BsrView& a, const std::vector<std::int32_t>& crow,
                     const std::vector<std::int32_t>& col, const SpmmProblem& problem,
                     const DeviceModel& device, const PlanOptions& options) {
    HostPlan plan;
    plan.problem = problem;
    plan.choice.kernel = kernel;
    switch (kernel) {
        case KernelId::spmm_sm90: schedule_sm90(plan, a, crow, device); break;
        case KernelId::spmm_sm90_small: schedule_sm90_small(plan, a, crow, col, device, options); break;
        case KernelId::spmm_sm80:
        case KernelId::spmm_simt:
        case KernelId::spmm_cpu:
        case KernelId::dense_cublas:
            plan.predicted_seconds = least_seconds(kernel, a, longest_row(crow), problem, device);
    }
    if (kernel == KernelId::dense_cublas) {
        plan_dense(plan, a, device, options);
    }
    if (options.dynamic) {
        plan.reasons.emplace_back("Dynamic: replan() replaces the pattern, kernel and tiles stay.");
    }
    return plan;
}

}  // namespace

SpmmProblem check_problem(const BsrView& a, SpmmProblem problem) {
    require(problem.n >= 0, ErrorCode::invalid_argument, "n is {}; a size must not be negative.", problem.n);
    require(problem.n <= kInt32Max, ErrorCode::too_large, "n is {}; sizes up to {} are supported.", problem.n,
            kInt32Max);
    require(problem.c_dtype == a.dtype || problem.c_dtype == DType::f32, ErrorCode::dtype_mismatch,
            "c_dtype is {}: expected A's dtype, {}, or float32.", name(problem.c_dtype), name(a.dtype));
    require(a.m * problem.n <= kInt32Max, ErrorCode::too_large,
            "C of {} x {} has more elements than int32 can index ({}); split B by columns.", a.m, problem.n,
            kInt32Max);
    problem.ldb = filled_ld("ldb", problem.ldb, problem.b_layout, a.k, problem.n);
    problem.ldc = filled_ld("ldc", problem.ldc, problem.c_layout, a.m, problem.n);
    check_batch(a, problem);
    return problem;
}

HostPlan plan_spmm(const BsrView& a, const std::vector<std::int32_t>& crow,
                   const std::vector<std::int32_t>& col, const SpmmProblem& problem,
                   const DeviceModel& device, const PlanOptions& options, const std::string& no_cublas) {
    if (!options.kernel.empty()) {
        const KernelId kernel = kernel_of(options.kernel);
        const std::string reason = why_not_here(kernel, a, problem, device, options, no_cublas);
        require(reason.empty(), ErrorCode::unsupported, "Kernel {} cannot compute this product on {}: {}.",
                options.kernel, device.name, reason);
        HostPlan plan = plan_kernel(kernel, a, crow, col, problem, device, options);
        plan.reasons.insert(plan.reasons.begin(), fmt::format("{}: asked for by the caller.", name(kernel)));
        return plan;
    }
    std::vector<std::string> reasons;
    std::optional<HostPlan> best;
    const auto drop = [&](KernelId kernel, const char* comparison, double seconds) {
        reasons.push_back(
            fmt::format("Not {}: predicted to take {}{:.4f} ms.", name(kernel), comparison, 1e3 * seconds));
    };
    // By least time: a kernel that cannot win is not planned in detail.
    for (const auto& [kernel, least] :
         find_candidates(a, longest_row(crow), problem, device, options, no_cublas, reasons)) {
        if (best && least >= best->predicted_seconds) {
            drop(kernel, "at least ", least);
            continue;
        }
        HostPlan plan = plan_kernel(kernel, a, crow, col, problem, device, options);
        if (best) {
            if (plan.predicted_seconds < best->predicted_seconds) {
                std::swap(*best, plan);
            }
            drop(plan.choice.kernel, "", plan.predicted_seconds);
        } else {
            best = std::move(plan);
        }
    }
    reasons.push_back(
        fmt::format("{}: the fastest, as predicted, of the kernels that compute this product here.",
                    name(best->choice.kernel)));
    best->reasons.insert(best->reasons.begin(), reasons.begin(), reasons.end());
    return *std::move(best);
}

}  // namespace bsk
