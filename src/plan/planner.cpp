#include "plan/planner.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "base/math.h"
#include "plan/cost_model.h"
#include "plan/split.h"

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

/// The tightest stride where the caller gives none or where nothing follows.
std::int64_t filled_stride(const char* argument, std::int64_t stride, std::int64_t batch, const Lines& lines,
                           std::int64_t ld) {
    require(stride >= 0, ErrorCode::invalid_argument,
            "{} is {}; expected elements from one matrix to the next.", argument, stride);
    return stride == 0 || batch == 1 ? std::max<std::int64_t>(lines.count, 1) * ld : stride;
}

/// Fills in the strides of a batch where they are 0. Its matrices C may follow each other, or interleave by lines.
void check_batch(const BsrView& a, SpmmProblem& problem) {
    require(problem.batch >= 1 && problem.batch <= kMaxBatch, ErrorCode::invalid_argument,
            "batch is {}; expected 1 to {}.", problem.batch, kMaxBatch);
    const Lines b = lines_of(problem.b_layout, a.k, problem.n);
    const Lines c = lines_of(problem.c_layout, a.m, problem.n);
    problem.stride_b = filled_stride("stride_b", problem.stride_b, problem.batch, b, problem.ldb);
    problem.stride_c = filled_stride("stride_c", problem.stride_c, problem.batch, c, problem.ldc);
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
    const int unit = unit_of(a.block_m, a.block_k);
    if (options.dynamic && kernel == KernelId::spmm_sm90_small && a.k > kMostDynamicColumns * unit) {
        return fmt::format("the plan is dynamic, and the device makes lists of up to {} columns of {}",
                           kMostDynamicColumns, unit);
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

/// The work of one strip.
struct StripWork {
    double tiles = 0;
    double steps = 0;
    double units = 0;
    double seconds = 0;  ///< by one stream
};

/// The tile rows of a choice and what their blocks cost, cut into steps of 64 columns of A.
std::vector<TileRow> tile_rows(const BsrView& a, const std::vector<std::int32_t>& crow,
                               const KernelChoice& choice, const DeviceModel& device) {
    const double per_block = a.block_k / kSm90TileK * sm90_step_seconds(choice, device);
    const double per_tile = sm90_tile_seconds(choice);
    const int tiles_per_block = a.block_m / choice.tile_m;
    std::vector<TileRow> rows(static_cast<std::size_t>(ceil_div(a.m, choice.tile_m)));
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const std::size_t block_row = row / tiles_per_block;
        rows[row] = {crow[block_row], crow[block_row + 1], per_block, per_tile};
    }
    return rows;
}

/// Strips of C that the clusters of a choice cut it into, and the clusters that run at a time.
std::int64_t strips_of(const SpmmProblem& problem, const KernelChoice& choice) {
    return problem.batch * ceil_div(problem.n, static_cast<std::int64_t>(choice.tile_n) * choice.cluster);
}
int streams_of(const KernelChoice& choice, const DeviceModel& device) {
    return device.sm_count / choice.cluster;
}

/// The fitted constants of clusters of 1 and 2 come from GPUs that differ by more than the two do. Launched in turns on one
/// GPU, spmm_sm90 was 2 to 8 % faster with clusters of 2 wherever there were tiles for all of them.
constexpr double kLoneCtaHandicap = 1.1;

/// Keeps a choice and its schedule if that ends sooner, by a factor `handicap`, than what the plan holds.
void consider(HostPlan& plan, const KernelChoice& choice, Schedule schedule, double handicap = 1.0) {
    if (plan.schedule.offsets.empty() || schedule.makespan * handicap < plan.schedule.makespan) {
        plan.choice = choice;
        plan.schedule = std::move(schedule);
    }
}

/// Predicted time and reasons of a scheduled kernel; `tiles` describes them.
void explain_schedule(HostPlan& plan, const DeviceModel& device, const std::string& tiles) {
    const double memory = memory_seconds(plan.terms, device);
    plan.predicted_seconds = fixed_seconds(plan.terms, device) + std::max(plan.schedule.makespan, memory);
    plan.reasons.push_back(fmt::format(
        "{}; {}.", tiles,
        plan.choice.cluster == 2 ? "clusters of 2 CTAs along n read A once by multicast"
                                 : "no clusters: there is one column tile, or more streams finish sooner"));
    plan.reasons.push_back(
        fmt::format("{} tiles for {} streams, strip by strip, the last quarter longest first; the longest "
                    "stream takes {:.3f} ms, moving everything through memory once {:.3f} ms.",
                    plan.schedule.items.size(), plan.schedule.offsets.size() - 1,
                    1e3 * plan.schedule.makespan, 1e3 * memory));
    if (plan.schedule.split_tiles > 0) {
        plan.reasons.push_back(fmt::format(
            "{} tiles are split into {} parts of their block lists, so that no stream ends late; partial "
            "sums are added in a fixed order.",
            plan.schedule.split_tiles, plan.schedule.parts.size()));
    }
}

/// What the busiest stream does of the work of all strips, if it does its share of each kind of work.
CostTerms busiest_stream(const HostPlan& plan, const BsrView& a, const StripWork& strip) {
    const double share = strip.seconds > 0 ? plan.schedule.makespan / strip.seconds : 0;
    return {cost_variant(plan.choice, unit_of(a.block_m, a.block_k)), share * strip.tiles,
            share * strip.steps, share * strip.units, memory_bytes(a, plan.problem)};
}

/// Decides for a Hopper kernel which operands are copied, and counts their time: read and written once each way.
void plan_copies(HostPlan& plan, const BsrView& a, const DeviceModel& device) {
    const SpmmProblem& problem = plan.problem;
    plan.copies_b = !tma_reads_b(a, problem);
    plan.copies_c = !tma_writes_c(a, problem);
    const std::int64_t b_bytes = plan.copies_b ? a.k * size_of(a.dtype) : 0;
    const std::int64_t c_bytes = plan.copies_c ? a.m * size_of(problem.c_dtype) : 0;
    if (b_bytes + c_bytes == 0) {
        return;
    }
    const double seconds = 2.0 * static_cast<double>((b_bytes + c_bytes) * problem.n * problem.batch) /
                           (device.memory_gbps * 1e9);
    plan.predicted_seconds += seconds;
    plan.reasons.push_back(fmt::format(
        "{} copied, because TMA needs lines that start and end at multiples of 16 bytes: {:.3f} ms.",
        !plan.copies_c   ? "B is"
        : !plan.copies_b ? "C is"
                         : "B and C are",
        1e3 * seconds));
}

/// Cluster sizes worth a try: a cluster of 2 needs two column tiles.
std::vector<int> clusters(std::int64_t n, int tile_n) {
    return n > tile_n ? std::vector<int>{2, 1} : std::vector<int>{1};
}

/// Tries every tile height and cluster size and keeps the shortest schedule.
void schedule_sm90(HostPlan& plan, const BsrView& a, const std::vector<std::int32_t>& crow,
                   const DeviceModel& device, bool dynamic) {
    for (const int tile_m : {128, 64}) {
        for (const int cluster : clusters(plan.problem.n, kSm90TileN)) {
            if (a.block_m % tile_m == 0) {
                const KernelChoice choice{KernelId::spmm_sm90, tile_m, kSm90TileN, cluster};
                const std::vector<TileRow> rows = tile_rows(a, crow, choice, device);
                const std::int64_t strips = strips_of(plan.problem, choice);
                const int streams = streams_of(choice, device);
                // replan() makes the order of a dynamic plan's next pattern, and splits nothing.
                consider(
                    plan, choice,
                    dynamic ? make_schedule(seconds_of(rows), strips, streams)
                            : make_split_schedule(rows, strips, streams, kSm90PartSeconds, kSm90SplitSeconds),
                    cluster == 1 ? kLoneCtaHandicap : 1.0);
            }
        }
    }
    plan.tile = {sm90_tile_seconds(plan.choice),
                 sm90_step_seconds(plan.choice, device) * (a.block_k / kSm90TileK), 0};
    const double tiles = static_cast<double>(ceil_div(a.m, plan.choice.tile_m));
    const double steps =
        static_cast<double>(a.nnzb) * (a.block_m / plan.choice.tile_m) * (a.block_k / kSm90TileK);
    plan.terms = busiest_stream(
        plan, a,
        {tiles, steps, 0,
         tiles * sm90_tile_seconds(plan.choice) + steps * sm90_step_seconds(plan.choice, device)});
    explain_schedule(
        plan, device,
        fmt::format("Tiles of {}x{} of C, {} of A a step", plan.choice.tile_m, kSm90TileN, kSm90TileK));
    if (plan.choice.tile_m == 128 && plan.problem.c_dtype != DType::f32) {
        plan.reasons.push_back(fmt::format(
            "beta, a bias for each column and an activation apply to alpha*A*B rounded to {}: a tile is "
            "stored while the next is computed.",
            name(plan.problem.c_dtype)));
    }
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
        consider(plan, choice,
                 make_schedule(costs, strips_of(plan.problem, choice), streams_of(choice, device)));
    }
    plan.tile = linear_tile_seconds(plan.choice, total, works.size(), unit, device);
    double seconds = 0;
    for (const GroupWork& work : works) {
        seconds += sm90_small_tile_seconds(plan.choice, work, unit, device);
    }
    plan.terms = busiest_stream(plan, a,
                                {static_cast<double>(works.size()), static_cast<double>(total.columns),
                                 static_cast<double>(total.units), seconds});
    explain_schedule(
        plan, device,
        fmt::format(
            "Tiles of {}x{} of C; {} rows of A share loads of B: {:.2f} units of {}x{} for "
            "each piece of B",
            kGroupRows, kSm90SmallTileN, kGroupRows,
            static_cast<double>(total.units) / static_cast<double>(std::max<std::int64_t>(total.columns, 1)),
            unit, unit));
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
        case KernelId::spmm_sm90: schedule_sm90(plan, a, crow, device, options.dynamic); break;
        case KernelId::spmm_sm90_small: schedule_sm90_small(plan, a, crow, col, device); break;
        case KernelId::spmm_sm80:
        case KernelId::spmm_skinny:
        case KernelId::spmm_simt:
        case KernelId::spmm_cpu:
        case KernelId::dense_cublas:
            plan.terms = unscheduled_terms(kernel, a, longest_row(crow), problem, device);
            plan.predicted_seconds = seconds(plan.terms, device);
    }
    if (kernel == KernelId::spmm_sm90 || kernel == KernelId::spmm_sm90_small) {
        plan_copies(plan, a, device);
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
