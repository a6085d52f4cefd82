#include "plan/schedule_hopper.h"

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/math.h"
#include "plan/cost_model.h"
#include "plan/split.h"
#include "plan/streams.h"

namespace bsk {

namespace {

/// What a step takes of the time of one with all columns of a tile, where B has `n`: boxes of 64 columns outside B are not
/// loaded (docs/worklog/hopper-kernel.md).
double narrow_step(std::int64_t n) {
    constexpr double kWithoutB = 0.65;
    const auto columns = static_cast<double>(std::min<std::int64_t>(round_up(n, 64), kSm90TileN));
    return kWithoutB + (1 - kWithoutB) * columns / kSm90TileN;
}

/// The tile rows of a choice and what their blocks cost, cut into steps of 64 columns of A.
std::vector<TileRow> tile_rows(const BsrView& a, const std::vector<std::int32_t>& crow,
                               const KernelChoice& choice, std::int64_t n, const DeviceModel& device) {
    const int steps_per_block = a.block_k / kSm90TileK;
    const std::string variant = cost_variant(choice, 0);
    const double per_block = steps_per_block * narrow_step(n) * step_seconds(variant, device);
    const double per_tile = tile_seconds(variant);
    const int tiles_per_block = a.block_m / choice.tile_m;
    std::vector<TileRow> rows(static_cast<std::size_t>(ceil_div(a.m, choice.tile_m)));
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const std::size_t block_row = row / tiles_per_block;
        rows[row] = {crow[block_row], crow[block_row + 1], per_block, per_tile};
    }
    return rows;
}

}  // namespace

void schedule_sm90(HostPlan& plan, const BsrView& a, const std::vector<std::int32_t>& crow,
                   const DeviceModel& device, bool dynamic) {
    const auto costed = [&](int tile_m) {
        return costed_choice(KernelId::spmm_sm90, tile_m, kSm90TileN, plan.problem.n);
    };
    for (const int tile_m : {128, 64}) {
        if (a.block_m % tile_m != 0) {
            continue;
        }
        const std::vector<TileRow> rows = tile_rows(a, crow, costed(tile_m), plan.problem.n, device);
        for (const int cluster : cluster_sizes(plan.problem.n, kSm90TileN)) {
            const KernelChoice choice{KernelId::spmm_sm90, tile_m, kSm90TileN, cluster};
            const std::int64_t strips = strips_of(plan.problem, choice);
            const int streams = streams_of(choice, device);
            // replan() makes the order of a dynamic plan's next pattern, and splits nothing.
            consider(plan, choice,
                     dynamic
                         ? make_schedule(seconds_of(rows), strips, streams)
                         : make_split_schedule(rows, strips, streams, kSpmmPartSeconds, kSm90SplitSeconds));
        }
    }
    const std::string variant = cost_variant(costed(plan.choice.tile_m), 0);
    const double per_tile = tile_seconds(variant);
    const double narrow = narrow_step(plan.problem.n);
    const double per_step = step_seconds(variant, device);
    const int steps_per_block = a.block_k / kSm90TileK;
    const int tiles_per_block = a.block_m / plan.choice.tile_m;
    plan.tile = {per_tile, narrow * per_step * steps_per_block, 0};
    const auto tiles = static_cast<double>(ceil_div(a.m, plan.choice.tile_m));
    const double steps = narrow * static_cast<double>(a.nnzb) * tiles_per_block * steps_per_block;
    plan.terms = busiest_stream(plan, a, variant, {tiles, steps, 0, tiles * per_tile + steps * per_step});
    explain_schedule(
        plan, a, device,
        fmt::format("Tiles of {}x{} of C, {} of A a step", plan.choice.tile_m, kSm90TileN, kSm90TileK));
}

}  // namespace bsk
