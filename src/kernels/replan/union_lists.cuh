// make_union_lists (plan/union_lists.h) on the device: a CTA for each group of rows.
//
// Two things differ, so that all threads work at once: rows stay in their natural order, and stages are made of each
// kGroupStageSteps steps in turn, as many as they need (one, or two where their units do not fit one).
#pragma once

#include <cstdint>

#include "kernels/replan/replan.h"
#include "kernels/replan/scan.cuh"

namespace bsk::lists {

constexpr int kThreads = 512;
constexpr int kWarps = kThreads / 32;

/// What a group stores, in shared memory.
struct Group {
    std::uint32_t* rows;    ///< [steps of A] as UnionStep::rows
    std::int32_t* before;   ///< [steps of A] units in the steps before
    std::uint16_t* stored;  ///< [steps] the steps of A where the group stores something, ascending
    std::uint16_t* stage;   ///< [steps of A] where the step's stage begins in `stored`; write_lists only
    int steps;
    int units;
};

constexpr std::size_t shared_bytes(std::int64_t steps_of_a) {
    return static_cast<std::size_t>(steps_of_a) * (2 * sizeof(std::uint32_t) + 2 * sizeof(std::uint16_t));
}

/// Where a unit column of A lies among the steps.
struct StepPlace {
    int step;
    int shift;  ///< of its bits in UnionStep::rows
};
__device__ inline StepPlace step_of(int unit_column, int unit) {
    const int columns_per_step = kGroupStepK / unit;
    return {unit_column / columns_per_step, unit_column % columns_per_step * 16};
}

/// Calls `visit(stored block, its first unit row in the group)` for the blocks of the group, a thread each; as many warps share
/// a block row as there are for each.
template <class Visitor>
__device__ void for_each_block(const ReplanLaunch& p, int group, Visitor&& visit) {
    const DeviceLists& lists = p.lists;
    const int block_rows = kGroupRows / (lists.rows_per_block * lists.unit);
    const int warps = max(1, kWarps / block_rows);  // of a block row; both are powers of 2
    const int first = threadIdx.x % (32 * warps);
    for (int i = threadIdx.x / (32 * warps); i < block_rows; i += kWarps / warps) {
        const std::int64_t row = static_cast<std::int64_t>(group) * block_rows + i;
        if (row < p.block_rows) {
            const int end = p.crow_indices[row + 1];
            for (int block = p.crow_indices[row] + first; block < end; block += 32 * warps) {
                visit(block, i * lists.rows_per_block);
            }
        }
    }
}

/// Reads what the group stores into shared memory; all threads.
__device__ inline Group read_group(const ReplanLaunch& p, int number, void* shared) {
    const DeviceLists& lists = p.lists;
    const int steps_of_a = lists.steps_of_a;
    Group group{};
    group.rows = static_cast<std::uint32_t*>(shared);
    group.before = reinterpret_cast<std::int32_t*>(group.rows + steps_of_a);
    group.stored = reinterpret_cast<std::uint16_t*>(group.before + steps_of_a);
    group.stage = group.stored + steps_of_a;
    for (int step = threadIdx.x; step < steps_of_a; step += kThreads) {
        group.rows[step] = 0;
    }
    __syncthreads();
    for_each_block(p, number, [&](int block, int first_row) {
        const std::uint32_t rows = ((1U << lists.rows_per_block) - 1) << first_row;
        for (int part = 0; part < lists.columns_per_block; ++part) {
            const StepPlace place =
                step_of(p.col_indices[block] * lists.columns_per_block + part, lists.unit);
            atomicOr(&group.rows[place.step], rows << place.shift);
        }
    });
    __syncthreads();
    const int steps_per_thread = (steps_of_a + kThreads - 1) / kThreads;
    const int begin = min(static_cast<int>(threadIdx.x) * steps_per_thread, steps_of_a);
    const int end = min(begin + steps_per_thread, steps_of_a);
    int own_steps = 0;
    int own_units = 0;
    for (int step = begin; step < end; ++step) {
        own_steps += group.rows[step] != 0 ? 1 : 0;
        own_units += __popc(group.rows[step]);
    }
    int steps = inclusive_prefix<Sum, kThreads>(own_steps, group.steps) - own_steps;
    int units = inclusive_prefix<Sum, kThreads>(own_units, group.units) - own_units;
    for (int step = begin; step < end; ++step) {
        group.before[step] = units;
        if (group.rows[step] != 0) {
            group.stored[steps++] = static_cast<std::uint16_t>(step);
            units += __popc(group.rows[step]);
        }
    }
    __syncthreads();
    return group;
}

/// Calls `visit(i, stage, step in the stage)` for this thread's steps of the group, group.stored[i], whose first stage has
/// the number `stage`, and returns how many stages they take.
template <class Visitor>
__device__ int for_each_step(const Group& group, const DeviceLists& lists, int stage, Visitor&& visit) {
    const int steps_per_thread =
        (group.steps + kThreads * kGroupStageSteps - 1) / (kThreads * kGroupStageSteps) * kGroupStageSteps;
    const int begin = min(static_cast<int>(threadIdx.x) * steps_per_thread, group.steps);
    const int end = min(begin + steps_per_thread, group.steps);
    int stages = 0;
    int place = 0;
    int free_units = 0;
    for (int i = begin; i < end; ++i) {
        const int units = __popc(group.rows[group.stored[i]]);
        if (i % kGroupStageSteps == 0 || units > free_units) {
            ++stages;
            place = 0;
            free_units = lists.units_per_stage;
        }
        visit(i, stage + stages - 1, place);
        ++place;
        free_units -= units;
    }
    return stages;
}

/// Numbers the stages of the group: those of all threads, and those of the threads before this one in `before`.
__device__ inline int count_stages_of(const Group& group, const DeviceLists& lists, int& before) {
    const int own = for_each_step(group, lists, 0, [](int, int, int) {});
    int all = 0;
    before = inclusive_prefix<Sum, kThreads>(own, all) - own;
    return all;
}

/// Counts the stages and units of every group, and prices its tiles.
__global__ void __launch_bounds__(kThreads) count_stages(const ReplanLaunch p) {
    extern __shared__ __align__(16) unsigned char shared[];
    const int number = static_cast<int>(blockIdx.x);
    const Group group = read_group(p, number, shared);
    int before = 0;
    const int stages = count_stages_of(group, p.lists, before);
    int own_products = 0;
    for (int step = threadIdx.x; step < p.lists.steps_of_a; step += kThreads) {
        own_products += __popc(products_of(group.rows[step], p.lists.unit));
    }
    int products = 0;
    inclusive_prefix<Sum, kThreads>(own_products, products);
    if (threadIdx.x == 0) {
        p.lists.stage_counts[number] = stages;
        p.lists.unit_counts[number] = group.units;
        const TileTicks& ticks = p.schedule.ticks;
        p.schedule.costs[number] = static_cast<std::uint32_t>(
            (ticks.fixed + products * ticks.unit + group.steps * ticks.step) >> kTickBits);
    }
}

/// Sum of the first `count` of `counts`; all threads.
__device__ inline int sum_of(const std::int32_t* counts, int count) {
    int own = 0;
    for (int i = threadIdx.x; i < count; i += kThreads) {
        own += counts[i];
    }
    int all = 0;
    inclusive_prefix<Sum, kThreads>(own, all);
    return all;
}

/// Where the unit of this row and step (of units of 16: of the half that begins at bit `shift`) lies among the group's: a
/// stage has its rows one after the other, each from left to right.
__device__ inline int slot_of(const Group& group, int step, int shift, int row) {
    constexpr std::uint32_t kHalves = 0x10001;
    const std::uint32_t rows_before = ((1U << row) - 1) * kHalves;
    const std::uint32_t own = kHalves << row;
    const int first = group.stage[step];
    int slot = group.before[group.stored[first]];
    for (int i = first; i < group.steps && group.stage[group.stored[i]] == first; ++i) {
        const int other = group.stored[i];
        const std::uint32_t own_before = other < step ? own : other == step ? own & ((1U << shift) - 1) : 0;
        slot += __popc(group.rows[other] & (rows_before | own_before));
    }
    return slot;
}

/// Writes the lists of a group; all threads.
__device__ inline void write(const ReplanLaunch& p, int number) {
    extern __shared__ __align__(16) unsigned char shared[];
    const DeviceLists& lists = p.lists;
    const Group group = read_group(p, number, shared);
    int stages_before = 0;
    const int stages = count_stages_of(group, lists, stages_before);
    const int first_stage = sum_of(lists.stage_counts, number);
    const int first_unit = sum_of(lists.unit_counts, number);

    const int unit_rows = kGroupRows / lists.unit;
    for (int i = threadIdx.x; i < unit_rows; i += kThreads) {
        lists.group_rows[number * unit_rows + i] = number * unit_rows + i;
    }
    if (threadIdx.x == 0) {
        lists.group_stages[number] = first_stage;
        if (number + 1 == lists.groups) {
            lists.group_stages[number + 1] = first_stage + stages;
            lists.stage_units[first_stage + stages] = first_unit + group.units;
            lists.stage_units[first_stage + stages + 1] = first_unit + group.units;
        }
    }
    UnionStep* const steps = lists.steps + static_cast<std::int64_t>(first_stage) * kGroupStageSteps;
    for (int i = threadIdx.x; i < stages * kGroupStageSteps; i += kThreads) {
        steps[i] = {};  // what no step overwrites fills up a stage
    }
    __syncthreads();
    for_each_step(group, lists, stages_before, [&](int i, int stage, int place) {
        const int step = group.stored[i];
        if (place == 0) {
            lists.stage_units[first_stage + stage] = first_unit + group.before[step];
        }
        group.stage[step] = static_cast<std::uint16_t>(i - place);
        steps[stage * kGroupStageSteps + place] = {step, group.rows[step]};
    });
    __syncthreads();
    for_each_block(p, number, [&](int block, int first_row) {
        for (int part = 0; part < lists.columns_per_block; ++part) {
            const StepPlace place =
                step_of(p.col_indices[block] * lists.columns_per_block + part, lists.unit);
            for (int i = 0; i < lists.rows_per_block; ++i) {
                lists.units[first_unit + slot_of(group, place.step, place.shift, first_row + i)] =
                    (block * lists.rows_per_block + i) * lists.columns_per_block + part;
            }
        }
    });
}

}  // namespace bsk::lists
