#include "plan/planner.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

#include "base/check.h"
#include "plan/cost_model.h"

namespace bsk {

namespace {

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

/// why_not, and what a dynamic plan asks for.
std::string why_not(KernelId kernel, const BsrView& a, const SpmmProblem& problem, const DeviceModel& device,
                    const PlanOptions& options) {
    const int unit = unit_of(a.block_m, a.block_k);
    if (options.dynamic && kernel == KernelId::spmm_sm90_small && a.k > kMostDynamicColumns * unit) {
        return fmt::format("the plan is dynamic, and the device makes lists of up to {} columns of {}",
                           kMostDynamicColumns, unit);
    }
    return why_not(kernel, a, problem, device);
}

KernelId choose_kernel(const BsrView& a, const SpmmProblem& problem, const DeviceModel& device,
                       const PlanOptions& options, std::vector<std::string>& reasons) {
    if (!options.kernel.empty()) {
        for (const KernelId kernel : kKernels) {
            if (options.kernel == name(kernel)) {
                const std::string reason = why_not(kernel, a, problem, device, options);
                require(reason.empty(), ErrorCode::unsupported,
                        "Kernel {} cannot compute this product on {}: {}.", options.kernel, device.name,
                        reason);
                reasons.push_back(fmt::format("{}: asked for by the caller.", name(kernel)));
                return kernel;
            }
        }
        std::vector<std::string_view> names;
        std::transform(kKernels.begin(), kKernels.end(), std::back_inserter(names),
                       [](KernelId kernel) { return name(kernel); });
        fail(ErrorCode::invalid_argument, "kernel \"{}\" is not known; expected one of {}.", options.kernel,
             fmt::join(names, ", "));
    }
    for (const KernelId kernel : kKernels) {
        const std::string reason = why_not(kernel, a, problem, device, options);
        if (reason.empty()) {
            reasons.push_back(
                fmt::format("{}: the fastest kernel that computes this product here.", name(kernel)));
            return kernel;
        }
        if (runs_on(kernel, device)) {
            reasons.push_back(fmt::format("Not {}: {}.", name(kernel), reason));
        }
    }
    fail(
        ErrorCode::unsupported,
        "No kernel of this build runs on {} (compute capability {}.{}); the CPU backend computes every case.",
        device.name, device.cc_major, device.cc_minor);
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
    plan.tile = {sm90_tile_seconds(plan.choice),
                 sm90_step_seconds(plan.choice, device) * (a.block_k / kSm90TileK), 0};
    explain_schedule(
        plan, a, device,
        fmt::format("Tiles of {}x{} of C, {} of A a step", plan.choice.tile_m, kSm90TileN, kSm90TileK));
}

/// The cost of a tile of spmm_sm90_small near the mean of the groups that `total` sums up.
TileSeconds linear_tile_seconds(const KernelChoice& choice, const GroupWork& total, std::size_t groups,
                                int unit, const DeviceModel& device) {
    const auto count = static_cast<std::int64_t>(std::max<std::size_t>(groups, 1));
    const GroupWork mean{total.columns / count, total.units / count};
    const auto seconds = [&](const GroupWork& work) {
        return sm90_small_tile_seconds(choice, work, unit, device);
    };
    const double at_mean = seconds(mean);
    TileSeconds tile;
    tile.unit = seconds({mean.columns, mean.units + 1}) - at_mean;
    tile.column = seconds({mean.columns + 1, mean.units}) - at_mean;
    tile.fixed = at_mean - static_cast<double>(mean.units) * tile.unit -
                 static_cast<double>(mean.columns) * tile.column;
    return tile;
}

void schedule_sm90_small(HostPlan& plan, const BsrView& a, const std::vector<std::int32_t>& crow,
                         const std::vector<std::int32_t>& col, const DeviceModel& device) {
    const int unit = unit_of(a.block_m, a.block_k);
    plan.lists = make_union_lists(a, crow, col);
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
    plan.tile = linear_tile_seconds(plan.choice, total, works.size(), unit, device);
    explain_schedule(
        plan, a, device,
        fmt::format(
            "Tiles of {}x{} of C; {} rows of A share loads of B: {:.2f} units of {}x{} for "
            "each piece of B",
            kGroupRows, kSm90SmallTileN, kGroupRows,
            static_cast<double>(total.units) / static_cast<double>(std::max<std::int64_t>(total.columns, 1)),
            unit, unit));
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
    return problem;
}

HostPlan plan_spmm(const BsrView& a, const std::vector<std::int32_t>& crow,
                   const std::vector<std::int32_t>& col, const SpmmProblem& problem,
                   const DeviceModel& device, const PlanOptions& options) {
    HostPlan plan;
    plan.problem = problem;
    plan.choice.kernel = choose_kernel(a, problem, device, options, plan.reasons);
    if (plan.choice.kernel == KernelId::spmm_sm90) {
        schedule_sm90(plan, a, crow, device);
    } else if (plan.choice.kernel == KernelId::spmm_sm90_small) {
        schedule_sm90_small(plan, a, crow, col, device);
    } else {
        plan.predicted_seconds =
            launch_seconds(device) + unscheduled_seconds(plan.choice.kernel, a, problem, device);
    }
    if (options.dynamic) {
        plan.reasons.emplace_back("Dynamic: replan() replaces the pattern, kernel and tiles stay.");
    }
    return plan;
}

}  // namespace bsk
