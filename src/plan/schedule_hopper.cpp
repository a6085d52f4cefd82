#include "plan/schedule_hopper.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/math.h"
#include "plan/cost_model.h"
#include "plan/split.h"

namespace bsk {

namespace {

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
    const std::string variant = cost_variant(choice, 0);
    const double per_block = steps_per_block * step_seconds(variant, device);
    const double per_tile = tile_seconds(variant);
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

/// The fitted constants of clusters of 1 and 2 come from different products, as each is measured where it is chosen. Launched in
/// turns on one GPU, spmm_sm90 was 2 to 8 % faster with clusters of 2 wherever there were tiles for all of them.
constexpr double kLoneCtaHandicap = 1.1;
constexpr double handicap_of(int cluster) {
    return cluster == 1 ? kLoneCtaHandicap : 1.0;
}

/// Keeps a choice and its schedule if that ends sooner than what the plan holds, for lone CTAs by their handicap.
void consider(HostPlan& plan, const KernelChoice& choice, Schedule schedule) {
    if (plan.schedule.offsets.empty() ||
        schedule.makespan * handicap_of(choice.cluster) < plan.schedule.makespan) {
        plan.choice = choice;
        plan.schedule = std::move(schedule);
    }
}

/// L2 of H100 and H200.
constexpr std::int64_t kL2Bytes = std::int64_t{50} << 20;

/// Where B's strip takes more than half of L2 and A has no room beside it, A passes through L2 once a strip in any case. As the
/// first to be evicted, its lines and C's leave the strip there (docs/worklog/order-of-work.md).
void share_l2(HostPlan& plan, const BsrView& a) {
    const auto element = static_cast<std::int64_t>(size_of(a.dtype));
    const std::int64_t strip = a.k * plan.choice.tile_n * plan.choice.cluster * element;
    const std::int64_t values = a.nnzb * a.block_m * a.block_k * element;
    plan.keeps_b_in_l2 = 2 * strip > kL2Bytes && values > kL2Bytes;
    if (plan.keeps_b_in_l2) {
        plan.reasons.push_back(
            fmt::format("A strip of B takes {} MiB of L2: lines of A and C are evicted first.", strip >> 20));
    }
}

/// Predicted time and reasons of a scheduled kernel; `tiles` describes them.
void explain_schedule(HostPlan& plan, const BsrView& a, const DeviceModel& device, const std::string& tiles) {
    const double memory = memory_seconds(plan.terms, device);
    plan.predicted_seconds = fixed_seconds(plan.terms, device) + std::max(plan.schedule.makespan, memory);
    plan.reasons.push_back(fmt::format(
        "{}; {}.", tiles,
        plan.choice.cluster == 2 ? "clusters of 2 CTAs along n read A once by multicast"
                                 : "no clusters: there is one column tile, or more streams finish sooner"));
    plan.reasons.push_back(
        fmt::format("{} tiles for {} streams, strip by strip, the last ones longest first; the longest "
                    "stream takes {:.3f} ms, moving everything through memory once {:.3f} ms.",
                    plan.schedule.items.size(), plan.schedule.offsets.size() - 1,
                    1e3 * plan.schedule.makespan, 1e3 * memory));
    if (plan.schedule.split_tiles > 0) {
        plan.reasons.push_back(fmt::format(
            "{} tiles are split into {} parts of their block lists, so that no stream ends late; partial "
            "sums are added in a fixed order.",
            plan.schedule.split_tiles, plan.schedule.parts.size()));
    }
    if (plan.choice.kernel != KernelId::spmm_sm90_small) {
        share_l2(plan, a);
    }
}

/// Of kernels that keep a finished tile in 16 bits until they store it.
void explain_deferred_store(HostPlan& plan) {
    if (plan.problem.c_dtype != DType::f32) {
        plan.reasons.push_back(fmt::format("{} {}: a tile is stored while the next is computed.",
                                           kRoundsProduct, name(plan.problem.c_dtype)));
    }
}

/// What the busiest stream does of the work of all strips, if it does its share of each kind of work.
CostTerms busiest_stream(const HostPlan& plan, const BsrView& a, const std::string& variant,
                         const StripWork& strip) {
    const double share = strip.seconds > 0 ? plan.schedule.makespan / strip.seconds : 0;
    return {variant, share * strip.tiles, share * strip.steps, share * strip.units,
            memory_bytes(a, plan.problem)};
}

/// Cluster sizes worth a try: a cluster of 2 needs two column tiles.
std::vector<int> clusters(std::int64_t n, int tile_n) {
    return n > tile_n ? std::vector<int>{2, 1} : std::vector<int>{1};
}

/// The cost of a tile near the mean of the groups that `total` sums up.
TileSeconds linear_tile_seconds(const KernelChoice& choice, const GroupWork& total, std::size_t groups,
                                double loads, int unit, const DeviceModel& device) {
    const auto count = static_cast<std::int64_t>(std::max<std::size_t>(groups, 1));
    const GroupWork mean{total.steps / count, total.units / count};
    const auto seconds = [&](const GroupWork& work) {
        return group_tile_seconds(choice, work, loads, unit, device);
    };
    const double at_mean = seconds(mean);
    TileSeconds tile;
    tile.unit = seconds({mean.steps, mean.units + 1}) - at_mean;
    tile.step = seconds({mean.steps + 1, mean.units}) - at_mean;
    // Where steps and units take equally long, each of them alone takes longer: what is left may be below 0.
    const double fixed =
        at_mean - static_cast<double>(mean.units) * tile.unit - static_cast<double>(mean.steps) * tile.step;
    tile.fixed = std::max(fixed, 0.0);
    return tile;
}

double units_per_step(const GroupWork& work) {
    return static_cast<double>(work.units) / static_cast<double>(std::max<std::int64_t>(work.steps, 1));
}

GroupWork sum_of(const std::vector<GroupWork>& works) {
    GroupWork total;
    for (const GroupWork& work : works) {
        total.steps += work.steps;
        total.units += work.units;
    }
    return total;
}

/// Plans tiles of groups of `tile_m` rows with this work, `total` in all, and `loads` as group_tile_seconds takes it: keeps the
/// cluster size with the shortest schedule. Returns the time of its longest stream over an even share of the work.
double schedule_groups(HostPlan& plan, const BsrView& a, const std::vector<GroupWork>& works,
                       const GroupWork& total, double loads, int tile_m, int tile_n,
                       const DeviceModel& device) {
    const int unit = unit_of(a.block_m, a.block_k);
    const std::vector<int> sizes = clusters(plan.problem.n, tile_n);
    // The constants of lone CTAs are fitted to products of one column tile: with more, those of clusters count for both.
    const KernelChoice costed{plan.choice.kernel, tile_m, tile_n, sizes.front()};
    std::vector<double> seconds;
    seconds.reserve(works.size());
    std::transform(works.begin(), works.end(), std::back_inserter(seconds), [&](const GroupWork& work) {
        return group_tile_seconds(costed, work, loads, unit, device);
    });
    for (const int cluster : sizes) {
        const KernelChoice choice{plan.choice.kernel, tile_m, tile_n, cluster};
        const std::vector<CostedItem> order = strip_order(seconds, strips_of(plan.problem, choice));
        const int streams = streams_of(choice, device);
        // replan() makes the order of spmm_sm90_small's next pattern, in turn.
        consider(
            plan, choice,
            choice.kernel == KernelId::spmm_sm90_pairs ? deal_evenly(order, streams) : deal(order, streams));
    }
    plan.tile = linear_tile_seconds(costed, total, works.size(), loads, unit, device);
    const double strip_seconds = std::accumulate(seconds.begin(), seconds.end(), 0.0);
    plan.terms = busiest_stream(plan, a, cost_variant(costed, unit),
                                {static_cast<double>(works.size()), loads * static_cast<double>(total.steps),
                                 static_cast<double>(total.units), strip_seconds});
    const auto strips = static_cast<double>(strips_of(plan.problem, plan.choice));
    return plan.schedule.makespan * streams_of(plan.choice, device) / (strips * strip_seconds);
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
                consider(plan, choice,
                         dynamic ? make_schedule(seconds_of(rows), strips, streams)
                                 : make_split_schedule(rows, strips, streams, kSm90PartSeconds,
                                                       kSm90SplitSeconds));
            }
        }
    }
    const std::string variant = cost_variant(plan.choice, 0);
    const double per_tile = tile_seconds(variant);
    const double per_step = step_seconds(variant, device);
    const int steps_per_block = a.block_k / kSm90TileK;
    const int tiles_per_block = a.block_m / plan.choice.tile_m;
    plan.tile = {per_tile, per_step * steps_per_block, 0};
    const auto tiles = static_cast<double>(ceil_div(a.m, plan.choice.tile_m));
    const double steps = static_cast<double>(a.nnzb) * tiles_per_block * steps_per_block;
    plan.terms = busiest_stream(plan, a, variant, {tiles, steps, 0, tiles * per_tile + steps * per_step});
    explain_schedule(
        plan, a, device,
        fmt::format("Tiles of {}x{} of C, {} of A a step", plan.choice.tile_m, kSm90TileN, kSm90TileK));
    if (plan.choice.tile_m == 128) {
        explain_deferred_store(plan);
    }
}

void schedule_sm90_pairs(HostPlan& plan, const BsrView& a, const std::vector<std::int32_t>& crow,
                         const std::vector<std::int32_t>& col, const DeviceModel& device) {
    plan.pairs = make_row_pairs(a, crow, col);
    const int steps_per_block = a.block_k / kSm90TileK;
    std::vector<GroupWork> works;
    works.reserve(plan.pairs.pairs.size());
    std::transform(plan.pairs.pairs.begin(), plan.pairs.pairs.end(), std::back_inserter(works),
                   [&](const RowPair& pair) {
                       const std::int64_t blocks = std::int64_t{pair.blocks[0]} + pair.blocks[1];
                       return GroupWork{std::int64_t{pair.steps} * steps_per_block, blocks * steps_per_block};
                   });
    const GroupWork total = sum_of(works);
    schedule_groups(plan, a, works, total, 1.0, 2 * kPairBlockRows, kSm90TileN, device);
    explain_schedule(
        plan, a, device,
        fmt::format("Tiles of {}x{} of C; two block rows share loads of B: {:.2f} blocks for each "
                    "piece of B",
                    2 * kPairBlockRows, kSm90TileN, units_per_step(total)));
    explain_deferred_store(plan);
}

namespace {

// Tiles of spmm_sm90_small take so many times as long where rows of a row-major B are shorter than a line of L2: 64 products
// of n = 16, blocks of 128 (docs/worklog/cost-model.md).
constexpr std::int64_t kNarrowColumns = 64;
constexpr double kNarrowTiles = 3.1;

/// Even groups load more of B than those of like rows: they must end so many times sooner.
constexpr double kEvenGroupsGain = 1.1;

/// Schedules tiles of these groups of rows. Returns what schedule_groups does.
double schedule_lists(HostPlan& plan, const BsrView& a, UnionLists lists, const DeviceModel& device) {
    const int unit = unit_of(a.block_m, a.block_k);
    plan.lists = std::move(lists);
    const std::vector<GroupWork> works = group_work(plan.lists, unit);
    const GroupWork total = sum_of(works);
    // What a piece of B brings of A along, on average: replan() counts pieces and products of a group only.
    const auto pieces = static_cast<double>(std::max<std::int64_t>(total.steps, 1));
    const double stored = static_cast<double>(a.nnzb) * a.block_m * a.block_k;
    const double loads = 1 + stored / (pieces * kGroupStepK * kSm90SmallTileN);
    const double lateness =
        schedule_groups(plan, a, works, total, loads, kGroupRows, kSm90SmallTileN, device);
    explain_schedule(plan, a, device,
                     fmt::format("Tiles of {}x{} of C; {} rows of A share loads of B: {:.2f} products with "
                                 "units of {}x{} for each piece of B",
                                 kGroupRows, kSm90SmallTileN, kGroupRows, units_per_step(total), unit, unit));
    return lateness;
}

}  // namespace

void schedule_sm90_small(HostPlan& plan, const BsrView& a, const std::vector<std::int32_t>& crow,
                         const std::vector<std::int32_t>& col, const DeviceModel& device) {
    const auto lists = [&](std::vector<std::int32_t> groups) {
        return make_union_lists(a, crow, col, std::move(groups));
    };
    if (schedule_lists(plan, a, lists(make_row_groups(a, crow, col)), device) > kEvenGroupsGain) {
        HostPlan even;
        even.problem = plan.problem;
        even.choice.kernel = plan.choice.kernel;
        schedule_lists(even, a, lists(make_even_groups(a, crow)), device);
        if (even.schedule.makespan * kEvenGroupsGain < plan.schedule.makespan) {
            even.reasons.emplace_back(
                "Full rows are grouped with emptier ones: groups of like rows would end later.");
            plan = std::move(even);
        }
    }
    if (plan.problem.b_layout == Layout::row_major && plan.problem.n < kNarrowColumns) {
        plan.terms.steps *= kNarrowTiles;
        plan.terms.units *= kNarrowTiles;
        plan.predicted_seconds += (kNarrowTiles - 1) * plan.schedule.makespan;
        plan.reasons.push_back(fmt::format("Rows of B of fewer than {} columns: tiles take {} times as long.",
                                           kNarrowColumns, kNarrowTiles));
    }
}

}  // namespace bsk
