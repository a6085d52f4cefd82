#include "plan/schedule_hopper.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/math.h"
#include "plan/cost_model.h"
#include "plan/split.h"

namespace bsk {

namespace {

constexpr double kCopyLaunchSeconds =
    2e-6;  // of a launch behind another, as the expansion of A takes (cost_constants.h)

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
    const int steps_per_block = a.block_k / kSm90TileK;
    const double per_block = steps_per_block * sm90_step_seconds(choice, device);
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

/// Cluster sizes worth a try: a cluster of 2 needs two column tiles.
std::vector<int> clusters(std::int64_t n, int tile_n) {
    return n > tile_n ? std::vector<int>{2, 1} : std::vector<int>{1};
}

/// The cost of a tile of spmm_sm90_small near the mean of the groups that `total` sums up.
TileSeconds linear_tile_seconds(const KernelChoice& choice, const GroupWork& total, std::size_t groups,
                                int unit, const DeviceModel& device) {
    const auto count = static_cast<std::int64_t>(std::max<std::size_t>(groups, 1));
    const GroupWork mean{total.steps / count, total.units / count};
    const auto seconds = [&](const GroupWork& work) {
        return sm90_small_tile_seconds(choice, work, unit, device);
    };
    const double at_mean = seconds(mean);
    TileSeconds tile;
    tile.unit = seconds({mean.steps, mean.units + 1}) - at_mean;
    tile.step = seconds({mean.steps + 1, mean.units}) - at_mean;
    tile.fixed =
        at_mean - static_cast<double>(mean.units) * tile.unit - static_cast<double>(mean.steps) * tile.step;
    return tile;
}

}  // namespace

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
    const double per_tile = sm90_tile_seconds(plan.choice);
    const double per_step = sm90_step_seconds(plan.choice, device);
    const int steps_per_block = a.block_k / kSm90TileK;
    const int tiles_per_block = a.block_m / plan.choice.tile_m;
    plan.tile = {per_tile, per_step * steps_per_block, 0};
    const auto tiles = static_cast<double>(ceil_div(a.m, plan.choice.tile_m));
    const double steps = static_cast<double>(a.nnzb) * tiles_per_block * steps_per_block;
    plan.terms = busiest_stream(plan, a, {tiles, steps, 0, tiles * per_tile + steps * per_step});
    explain_schedule(
        plan, device,
        fmt::format("Tiles of {}x{} of C, {} of A a step", plan.choice.tile_m, kSm90TileN, kSm90TileK));
    if (plan.choice.tile_m == 128 && plan.problem.c_dtype != DType::f32) {
        plan.reasons.push_back(fmt::format("{} {}: a tile is stored while the next is computed.",
                                           kRoundsProduct, name(plan.problem.c_dtype)));
    }
}

void schedule_sm90_small(HostPlan& plan, const BsrView& a, const std::vector<std::int32_t>& crow,
                         const std::vector<std::int32_t>& col, const DeviceModel& device) {
    const int unit = unit_of(a.block_m, a.block_k);
    plan.lists = make_union_lists(a, crow, col);
    const std::vector<GroupWork> works = group_work(plan.lists);
    GroupWork total;
    for (const GroupWork& work : works) {
        total.steps += work.steps;
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
                                {static_cast<double>(works.size()), static_cast<double>(total.steps),
                                 static_cast<double>(total.units), seconds});
    explain_schedule(
        plan, device,
        fmt::format(
            "Tiles of {}x{} of C; {} rows of A share loads of B: {:.2f} units of {}x{} for "
            "each piece of B",
            kGroupRows, kSm90SmallTileN, kGroupRows,
            static_cast<double>(total.units) / static_cast<double>(std::max<std::int64_t>(total.steps, 1)),
            unit, unit));
}

void plan_copies(HostPlan& plan, const BsrView& a, const DeviceModel& device) {
    const SpmmProblem& problem = plan.problem;
    plan.copies_b = !tma_reads_b(a, problem);
    plan.copies_c = !tma_writes_c(a, problem);
    const std::int64_t b_bytes = plan.copies_b ? a.k * size_of(a.dtype) : 0;
    const std::int64_t c_bytes = plan.copies_c ? a.m * size_of(problem.c_dtype) : 0;
    if (b_bytes + c_bytes == 0) {
        return;
    }
    const double launches = kCopyLaunchSeconds * ((plan.copies_b ? 1 : 0) + (plan.copies_c ? 1 : 0));
    const double seconds =
        launches + 2.0 * static_cast<double>((b_bytes + c_bytes) * problem.n * problem.batch) /
                       (device.memory_gbps * 1e9);
    plan.predicted_seconds += seconds;
    plan.reasons.push_back(fmt::format(
        "{} copied, because TMA needs lines that start and end at multiples of 16 bytes: {:.3f} ms.",
        !plan.copies_c   ? "B is"
        : !plan.copies_b ? "C is"
                         : "B and C are",
        1e3 * seconds));
}

}  // namespace bsk
