// Schedules of the kernels whose tiles are groups of rows: spmm_sm90_pairs and spmm_sm90_small.
#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/math.h"
#include "plan/cost_model.h"
#include "plan/row_groups.h"
#include "plan/schedule_hopper.h"
#include "plan/split.h"
#include "plan/streams.h"

namespace bsk {

namespace {

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
/// cluster size with the shortest schedule. Returns how many times sooner groups of equal work would end, at most.
///
/// @param make  the schedule of tiles that cost `seconds` each, for so many strips and streams
template <class MakeSchedule>
double schedule_groups(HostPlan& plan, const BsrView& a, const std::vector<GroupWork>& works,
                       const GroupWork& total, double loads, int tile_m, int tile_n,
                       const DeviceModel& device, const MakeSchedule& make) {
    const int unit = unit_of(a.block_m, a.block_k);
    const KernelChoice costed = costed_choice(plan.choice.kernel, tile_m, tile_n, plan.problem.n);
    std::vector<double> seconds;
    seconds.reserve(works.size());
    std::transform(works.begin(), works.end(), std::back_inserter(seconds), [&](const GroupWork& work) {
        return group_tile_seconds(costed, work, loads, unit, device);
    });
    for (const int cluster : cluster_sizes(plan.problem.n, tile_n)) {
        const KernelChoice choice{plan.choice.kernel, tile_m, tile_n, cluster};
        consider(plan, choice, costed, unit, device,
                 make(seconds, strips_of(plan.problem, choice), streams_of(choice, device)));
    }
    plan.tile = linear_tile_seconds(costed, total, works.size(), loads, unit, device);
    const double strip_seconds = std::accumulate(seconds.begin(), seconds.end(), 0.0);
    plan.terms = busiest_stream(plan, a, cost_variant(costed, unit),
                                {static_cast<double>(works.size()), loads * static_cast<double>(total.steps),
                                 static_cast<double>(total.units), strip_seconds});
    if (plan.schedule.items.empty()) {
        return 1;
    }
    const double mean = strip_seconds / static_cast<double>(works.size());
    const double even_share = strip_seconds * static_cast<double>(strips_of(plan.problem, plan.choice)) /
                              streams_of(plan.choice, device);
    return std::min(plan.schedule.makespan / even_share, std::ranges::max(seconds) / mean);
}

}  // namespace

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
    schedule_groups(plan, a, works, total, 1.0, 2 * kPairBlockRows, kSm90TileN, device,
                    [](const std::vector<double>& seconds, std::int64_t strips, int streams) {
                        return deal_evenly(strip_order(seconds, strips), streams);
                    });
    explain_schedule(
        plan, a, device,
        fmt::format("Tiles of {}x{} of C; two block rows share loads of B: {:.2f} blocks for each "
                    "piece of B",
                    2 * kPairBlockRows, kSm90TileN, units_per_step(total)));
}

namespace {

// Tiles of spmm_sm90_small take so many times as long where rows of a row-major B are shorter than a line of L2: 64 products
// of n = 16, blocks of 128 (docs/worklog/cost-model.md).
constexpr std::int64_t kNarrowColumns = 64;
constexpr double kNarrowTiles = 3.1;

/// Even groups load more of B than those of like rows: they must end so many times sooner.
constexpr double kEvenGroupsGain = 1.1;

/// The schedule of groups that cost `seconds` each and may be split between their stages.
Schedule make_split_groups(const std::vector<double>& seconds, const std::vector<std::int32_t>& group_stages,
                           double per_tile, std::int64_t strips, int streams) {
    std::vector<TileRow> rows(seconds.size());
    for (std::size_t group = 0; group < rows.size(); ++group) {
        const std::int32_t begin = group_stages[group];
        const std::int32_t end = group_stages[group + 1];
        rows[group] = {begin, end, (seconds[group] - per_tile) / std::max(end - begin, 1), per_tile};
    }
    return make_split_schedule(rows, strips, streams, kSpmmPartSeconds, kSmallSplitSeconds);
}

/// Schedules tiles of these groups of rows. Returns what schedule_groups does.
double schedule_lists(HostPlan& plan, const BsrView& a, UnionLists lists, const DeviceModel& device,
                      bool dynamic) {
    const int unit = unit_of(a.block_m, a.block_k);
    plan.lists = std::move(lists);
    const std::vector<GroupWork> works = group_work(plan.lists, unit);
    const GroupWork total = sum_of(works);
    // What a piece of B brings of A along, on average: replan() counts pieces and products of a group only.
    const auto pieces = static_cast<double>(std::max<std::int64_t>(total.steps, 1));
    const double stored = static_cast<double>(a.nnzb) * a.block_m * a.block_k;
    const double loads = 1 + stored / (pieces * kGroupStepK * kSm90SmallTileN);
    const KernelChoice costed =
        costed_choice(plan.choice.kernel, kGroupRows, kSm90SmallTileN, plan.problem.n);
    const double per_tile = tile_seconds(cost_variant(costed, unit));
    const double even_gain = schedule_groups(
        plan, a, works, total, loads, kGroupRows, kSm90SmallTileN, device,
        [&](const std::vector<double>& seconds, std::int64_t strips, int streams) {
            // replan() makes the order of a dynamic plan's next pattern, in turn, and splits nothing.
            return dynamic ? make_schedule(seconds, strips, streams)
                           : make_split_groups(seconds, plan.lists.group_stages, per_tile, strips, streams);
        });
    explain_schedule(plan, a, device,
                     fmt::format("Tiles of {}x{} of C; {} rows of A share loads of B: {:.2f} products with "
                                 "units of {}x{} for each piece of B",
                                 kGroupRows, kSm90SmallTileN, kGroupRows, units_per_step(total), unit, unit));
    return even_gain;
}

}  // namespace

void schedule_sm90_small(HostPlan& plan, const BsrView& a, const std::vector<std::int32_t>& crow,
                         const std::vector<std::int32_t>& col, const DeviceModel& device, bool dynamic) {
    const RowBands bands(a, crow, col);
    const auto lists = [&](std::vector<std::int32_t> groups) {
        return make_union_lists(a, crow, col, std::move(groups));
    };
    if (schedule_lists(plan, a, lists(bands.like_groups()), device, dynamic) > kEvenGroupsGain) {
        HostPlan even;
        even.problem = plan.problem;
        even.choice.kernel = plan.choice.kernel;
        schedule_lists(even, a, lists(bands.even_groups()), device, dynamic);
        // Where streams take several parts they end later than predicted: whole even groups are as good if they end less
        // than so many times later (docs/worklog/small-blocks.md).
        const bool spares_splits = plan.schedule.split_tiles > 0 && even.schedule.split_tiles == 0;
        const double gain = spares_splits ? 1 / kEvenGroupsGain : kEvenGroupsGain;
        if (even.schedule.makespan * gain < plan.schedule.makespan) {
            even.reasons.emplace_back(
                "Full rows are grouped with emptier ones: groups of like rows would end later or be split.");
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
