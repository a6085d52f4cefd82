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
double unfilled_step(std::int64_t n, int tile_n) {
    constexpr double kWithoutB = 0.65;
    const auto columns = static_cast<double>(std::min<std::int64_t>(round_up(n, 64), tile_n));
    return kWithoutB + (1 - kWithoutB) * columns / tile_n;
}

/// The tile rows of a choice and what their blocks cost, cut into steps of 64 columns of A.
std::vector<TileRow> tile_rows(const BsrView& a, const std::vector<std::int32_t>& crow,
                               const KernelChoice& choice, std::int64_t n, const DeviceModel& device) {
    const int steps_per_block = a.block_k / kSm90TileK;
    const std::string variant = cost_variant(choice, 0);
    const double per_block =
        steps_per_block * unfilled_step(n, choice.tile_n) * step_seconds(variant, device);
    const double per_tile = tile_seconds(variant);
    const int tiles_per_block = a.block_m / choice.tile_m;
    std::vector<TileRow> rows(static_cast<std::size_t>(ceil_div(a.m, choice.tile_m)));
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const std::size_t block_row = row / tiles_per_block;
        rows[row] = {crow[block_row], crow[block_row + 1], per_block, per_tile};
    }
    return rows;
}

/// Widths worth a try of tiles of `tile_m` rows. Narrow ones load more for what they compute, and end sooner only where there are few
/// wide ones for each multiprocessor.
std::vector<int> tile_widths(int tile_m, const BsrView& a, const SpmmProblem& problem,
                             const DeviceModel& device) {
    constexpr std::int64_t kMany = 4;
    const std::int64_t wide = ceil_div(a.m, tile_m) * ceil_div(problem.n, kSm90TileN) * problem.batch;
    if (tile_m == 128 && wide < kMany * device.sm_count) {
        return {kSm90TileN, kSm90NarrowTileN};
    }
    return {kSm90TileN};
}

}  // namespace

void schedule_sm90(HostPlan& plan, const BsrView& a, const std::vector<std::int32_t>& crow,
                   const DeviceModel& device, bool dynamic) {
    const SpmmProblem& problem = plan.problem;
    for (const int tile_m : {128, 64}) {
        if (a.block_m % tile_m != 0) {
            continue;
        }
        for (const int tile_n : tile_widths(tile_m, a, problem, device)) {
            const KernelChoice costed = costed_choice(KernelId::spmm_sm90, tile_m, tile_n, problem.n);
            const std::vector<TileRow> rows = tile_rows(a, crow, costed, problem.n, device);
            for (const int cluster : cluster_sizes(problem.n, tile_n)) {
                const KernelChoice choice{KernelId::spmm_sm90, tile_m, tile_n, cluster};
                const std::int64_t strips = strips_of(problem, choice);
                const int streams = streams_of(choice, device);
                // replan() makes the order of a dynamic plan's next pattern, and splits nothing.
                consider(plan, choice, costed, 0, device,
                         dynamic ? make_schedule(seconds_of(rows), strips, streams)
                                 : make_split_schedule(rows, strips, streams, kSpmmPartSeconds,
                                                       kSm90SplitSeconds));
            }
        }
    }
    const int tile_m = plan.choice.tile_m;
    const int tile_n = plan.choice.tile_n;
    const std::string variant =
        cost_variant(costed_choice(KernelId::spmm_sm90, tile_m, tile_n, problem.n), 0);
    const double per_tile = tile_seconds(variant);
    const double filled = unfilled_step(problem.n, tile_n);
    const double per_step = step_seconds(variant, device);
    const int steps_per_block = a.block_k / kSm90TileK;
    const int tiles_per_block = a.block_m / tile_m;
    plan.tile = {per_tile, filled * per_step * steps_per_block, 0};
    const auto tiles = static_cast<double>(ceil_div(a.m, tile_m));
    const double steps = filled * static_cast<double>(a.nnzb) * tiles_per_block * steps_per_block;
    plan.terms = busiest_stream(plan, a, variant, {tiles, steps, 0, tiles * per_tile + steps * per_step});
    explain_schedule(plan, a, device,
                     fmt::format("Tiles of {}x{} of C, {} of A a step", tile_m, tile_n, kSm90TileK));
}

}  // namespace bsk
