#include "api/upload.h"

#include <algorithm>
#include <vector>

#include "api/packer.h"
#include "base/check.h"
#include "base/math.h"
#include "base/stream_buffer.h"
#include "kernels/dense/dense_cublas.h"
#include "kernels/lines/copy_lines.h"
#include "kernels/lines/transpose.h"
#include "kernels/sm80/spmm_skinny.h"
#include "kernels/sm80/spmm_sm80.h"
#ifdef BSK_HAS_SM90
#include "kernels/sm90/spmm_sm90.h"
#include "kernels/sm90/spmm_sm90_pairs.h"
#include "kernels/sm90/spmm_sm90_small.h"
#endif

namespace bsk {

namespace {

/// Loads the kernel that will run: a first launch that loads it may allocate and synchronise.
void prepare(const SpmmLaunch& launch) {
    switch (launch.choice.kernel) {
        case KernelId::spmm_simt: return prepare_spmm_simt(launch);
        case KernelId::spmm_sm80: return prepare_spmm_sm80(launch);
        case KernelId::spmm_skinny: return prepare_spmm_skinny(launch);
        case KernelId::dense_cublas: return prepare_dense_cublas(launch);
#ifdef BSK_HAS_SM90
        case KernelId::spmm_sm90: return prepare_spmm_sm90(launch);
        case KernelId::spmm_sm90_pairs: return prepare_spmm_sm90_pairs(launch);
        case KernelId::spmm_sm90_small: return prepare_spmm_sm90_small(launch);
#endif
        default: return;
    }
}

/// Ticks of the device's schedule: what all tiles of any pattern of these sizes cost together is kTotalTicks.
TileTicks ticks_of(const TileSeconds& tile, const BsrView& a, const DeviceSchedule& schedule,
                   const DeviceLists& lists) {
    const double units =
        static_cast<double>(a.nnzb) *
        (lists.unit > 0 ? lists.rows_per_block * lists.columns_per_block : schedule.tiles_per_block);
    const double steps =
        lists.unit > 0
            ? std::min(units, static_cast<double>(lists.groups) * static_cast<double>(lists.steps_of_a))
            : 0.0;
    const double seconds = static_cast<double>(schedule.strips) *
                           (schedule.tile_rows * tile.fixed + units * tile.unit + steps * tile.step);
    const double scale = static_cast<double>(std::uint64_t{kTotalTicks} << kTickBits) / seconds;
    const auto ticks = [&](double part) { return static_cast<std::uint64_t>(std::max(part, 0.0) * scale); };
    return {ticks(tile.fixed), ticks(tile.unit), ticks(tile.step)};
}

/// The sizes that replan() works with; pointers are set when the arrays are there.
ReplanLaunch replan_launch(const PlanState& state) {
    const BsrView& a = state.pattern;
    const HostPlan& plan = state.host;
    ReplanLaunch replan;
    replan.block_rows = a.block_rows();
    replan.block_cols = a.block_cols();
    replan.nnzb = a.nnzb;
    if (plan.choice.kernel == KernelId::spmm_sm90_small) {
        DeviceLists& lists = replan.lists;
        lists.unit = unit_of(a.block_m, a.block_k);
        lists.rows_per_block = a.block_m / lists.unit;
        lists.columns_per_block = a.block_k / lists.unit;
        lists.units_per_stage = stage_units(lists.unit);
        lists.steps_of_a = static_cast<int>(ceil_div(a.block_cols() * a.block_k, kGroupStepK));
        lists.groups = static_cast<std::int32_t>(ceil_div(a.m, kGroupRows));
    }
    if (!plan.schedule.items.empty()) {
        DeviceSchedule& schedule = replan.schedule;
        schedule.tile_rows = static_cast<std::int32_t>(ceil_div(a.m, plan.choice.tile_m));
        schedule.strips = static_cast<std::int32_t>(plan.schedule.items.size()) / schedule.tile_rows;
        schedule.streams = static_cast<std::int32_t>(plan.schedule.offsets.size()) - 1;
        require(schedule.streams <= kMostDealtStreams, ErrorCode::unsupported,
                "A dynamic plan serves up to {} streams of work, this device has {}; make a plan that is not "
                "dynamic.",
                kMostDealtStreams, schedule.streams);
        schedule.tiles_per_block = std::max(a.block_m / plan.choice.tile_m, 1);
        schedule.most_tail_items =
            static_cast<std::int32_t>(most_tail_items(plan.schedule.items.size(), schedule.streams));
        schedule.ticks = ticks_of(plan.tile, a, schedule, replan.lists);
    }
    return replan;
}

}  // namespace

void upload(PlanState& state, const Indices& indices, const std::vector<std::int32_t>& sources) {
    const Schedule& schedule = state.host.schedule;
    const UnionLists& lists = state.host.lists;
    ReplanLaunch& replan = state.replan;
    std::int64_t stages = 0;  // room for any pattern's
    if (state.dynamic) {
        replan = replan_launch(state);
        stages = replan.lists.unit > 0 ? most_stages(state.pattern) : 0;
    }
    Packer packer;
    const std::size_t crow = packer.add(indices.crow);
    const std::size_t col = packer.add(indices.cols);
    const std::size_t block_sources = packer.add(sources);
    const std::size_t offsets = packer.add(schedule.offsets);
    const std::size_t items = packer.add(schedule.items);
    const std::size_t parts = packer.add(schedule.parts);
    const std::size_t pairs = packer.add(state.host.pairs.pairs);
    const std::size_t pair_steps = packer.add(state.host.pairs.steps);
    const bool finds_blocks = state.host.problem.transpose_a && !state.host.transposes_values;
    const std::size_t pair_sources =
        packer.add(finds_blocks ? step_sources(state.host.pairs, sources) : std::vector<std::int32_t>());
    const std::size_t group_rows = packer.add(lists.group_rows);
    const std::size_t group_stages = packer.add(lists.group_stages);
    const std::size_t steps = packer.add(lists.steps, stages * kGroupStageSteps);
    const std::size_t stage_units = packer.add(lists.stage_units, stages + 2);
    const std::size_t units = packer.add(lists.units);
    const std::int64_t item_count =
        static_cast<std::int64_t>(replan.schedule.tile_rows) * replan.schedule.strips;
    const std::size_t costs = packer.reserve<std::uint32_t>(replan.schedule.tile_rows);
    const std::size_t ranked_rows = packer.reserve<std::int32_t>(replan.schedule.tile_rows);
    const std::size_t ranked_costs = packer.reserve<std::uint32_t>(replan.schedule.tile_rows);
    const std::size_t tail = packer.reserve<std::int32_t>(replan.schedule.most_tail_items);
    const std::size_t placements = packer.reserve<Placement>(item_count);
    const std::size_t stage_counts = packer.reserve<std::int32_t>(replan.lists.groups);
    const std::size_t unit_counts = packer.reserve<std::int32_t>(replan.lists.groups);
    const DeviceGuard guard(state.device.index);
    state.arrays = DeviceBuffer(packer.bytes().data(), packer.bytes().size());
    const auto place = [&]<class T>(T*& pointer, std::size_t offset) {
        pointer = reinterpret_cast<T*>(state.arrays.as<std::byte>() + offset);
    };
    place(replan.crow_indices, crow);
    place(replan.col_indices, col);
    place(replan.schedule.offsets, offsets);
    place(replan.schedule.items, items);
    place(replan.schedule.costs, costs);
    place(replan.schedule.ranked_rows, ranked_rows);
    place(replan.schedule.ranked_costs, ranked_costs);
    place(replan.schedule.tail, tail);
    place(replan.schedule.placements, placements);
    place(replan.lists.group_rows, group_rows);
    place(replan.lists.group_stages, group_stages);
    place(replan.lists.steps, steps);
    place(replan.lists.stage_units, stage_units);
    place(replan.lists.units, units);
    place(replan.lists.stage_counts, stage_counts);
    place(replan.lists.unit_counts, unit_counts);

    const SpmmProblem& problem = state.host.problem;
    SpmmLaunch& launch = state.launch;
    launch.m = state.pattern.m;
    launch.n = problem.n;
    launch.k = state.pattern.k;
    launch.block_m = state.pattern.block_m;
    launch.block_k = state.pattern.block_k;
    launch.nnzb = state.pattern.nnzb;
    launch.crow_indices = replan.crow_indices;
    launch.col_indices = replan.col_indices;
    launch.dtype = state.pattern.dtype;
    launch.b_layout = state.host.transposes_b ? Layout::row_major : problem.b_layout;
    launch.ldb = problem.ldb;
    launch.c_dtype = problem.c_dtype;
    launch.c_layout = problem.c_layout;
    launch.ldc = problem.ldc;
    launch.batch = problem.batch;
    launch.stride_b = problem.stride_b;
    launch.stride_c = problem.stride_c;
    launch.residual_ld = problem.ldc;
    launch.residual_stride = problem.stride_c;
    launch.choice = state.host.choice;
    launch.keeps_b_in_l2 = state.host.keeps_b_in_l2;
    launch.stores_c_by_threads = state.host.stores_c_by_threads;
    launch.work_offsets = replan.schedule.offsets;
    launch.work = replan.schedule.items;
    place(launch.parts, parts);
    launch.part_count = static_cast<int>(schedule.parts.size());
    launch.split_tiles = schedule.split_tiles;
    place(launch.pairs, pairs);
    place(launch.pair_steps, pair_steps);
    launch.group_rows = replan.lists.group_rows;
    launch.group_stages = replan.lists.group_stages;
    launch.steps = replan.lists.steps;
    launch.stage_units = replan.lists.stage_units;
    launch.units = replan.lists.units;
    launch.streams = schedule.offsets.empty() ? 0 : static_cast<int>(schedule.offsets.size()) - 1;
    if (problem.transpose_a) {
        place(state.sources, block_sources);
    }
    if (finds_blocks) {
        launch.sources = state.sources;
        place(launch.pair_sources, pair_sources);
    }
    StreamBuffer::prepare();
    prepare(launch);
    if (state.host.transposes_values || state.host.transposes_b) {
        prepare_transpose();
    }
    if (state.host.copies_b || state.host.c_is_off_tma()) {
        prepare_copy_lines();
    }
    if (state.dynamic) {
        prepare_replan();
    }
    state.pattern.crow_indices = launch.crow_indices;
    state.pattern.col_indices = launch.col_indices;
}

}  // namespace bsk
