// make_union_lists (plan/union_lists.h) on the device: a CTA for each group of rows.
//
// Two things differ, so that all threads work at once: rows stay in their natural order, and stages are made of each
// kGroupStageK / unit steps in turn, as many as they need (one, or two where their units do not fit one).
#pragma once

#include <cstdint>

#include "kernels/replan/replan.h"
#include "kernels/replan/scan.cuh"

namespace bsk::lists {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;

/// What a group stores, in shared memory.
struct Group {
    std::uint32_t* rows;    ///< [block_cols] bit r: unit row r stores the block column
    std::int32_t* before;   ///< [block_cols] units in one unit column of each block column before
    std::uint16_t* stored;  ///< [columns] the block columns stored, ascending
    int columns;            ///< block columns stored
    int units;              ///< in all unit columns
};

constexpr std::size_t shared_bytes(std::int64_t block_cols) {
    return static_cast<std::size_t>(block_cols) * (2 * sizeof(std::uint32_t) + sizeof(std::uint16_t));
}
static_assert(shared_bytes(kMostDynamicColumns) <= 47 * 1024, "more needs a function attribute");

/// Calls `visit(stored block, its first unit row in the group)` for the blocks of the group, a thread each.
template <class Visitor>
__device__ void for_each_block(const ReplanLaunch& p, int group, Visitor&& visit) {
    const DeviceLists& lists = p.lists;
    const int block_rows = kGroupRows / (lists.rows_per_block * lists.unit);
    for (int i = threadIdx.x / 32; i < block_rows; i += kWarps) {
        const std::int64_t row = static_cast<std::int64_t>(group) * block_rows + i;
        if (row < p.block_rows) {
            const int end = p.crow_indices[row + 1];
            for (int block = p.crow_indices[row] + static_cast<int>(threadIdx.x % 32); block < end;
                 block += 32) {
                visit(block, i * lists.rows_per_block);
            }
        }
    }
}

/// Reads what the group stores into shared memory; all threads.
__device__ inline Group read_group(const ReplanLaunch& p, int number, void* shared) {
    const DeviceLists& lists = p.lists;
    const int block_cols = static_cast<int>(p.block_cols);
    Group group{};
    group.rows = static_cast<std::uint32_t*>(shared);
    group.before = reinterpret_cast<std::int32_t*>(group.rows + block_cols);
    group.stored = reinterpret_cast<std::uint16_t*>(group.before + block_cols);
    for (int column = threadIdx.x; column < block_cols; column += kThreads) {
        group.rows[column] = 0;
    }
    __syncthreads();
    for_each_block(p, number, [&](int block, int first_row) {
        const std::uint32_t rows = ((1U << lists.rows_per_block) - 1) << first_row;
        atomicOr(&group.rows[p.col_indices[block]], rows);
    });
    __syncthreads();
    const int columns_per_thread = (block_cols + kThreads - 1) / kThreads;
    const int begin = min(static_cast<int>(threadIdx.x) * columns_per_thread, block_cols);
    const int end = min(begin + columns_per_thread, block_cols);
    int own_columns = 0;
    int own_units = 0;
    for (int column = begin; column < end; ++column) {
        own_columns += group.rows[column] != 0 ? 1 : 0;
        own_units += __popc(group.rows[column]);
    }
    int columns = inclusive_prefix<Sum>(own_columns, group.columns) - own_columns;
    int units = inclusive_prefix<Sum>(own_units, group.units) - own_units;
    group.units *= lists.columns_per_block;
    for (int column = begin; column < end; ++column) {
        group.before[column] = units;
        if (group.rows[column] != 0) {
            group.stored[columns++] = static_cast<std::uint16_t>(column);
            units += __popc(group.rows[column]);
        }
    }
    __syncthreads();
    return group;
}

/// Calls `visit(step, stage, step in the stage)` for this thread's steps of the group, whose first stage has the number
/// `stage`, and returns how many stages they take.
template <class Visitor>
__device__ int for_each_step(const Group& group, const DeviceLists& lists, int stage, Visitor&& visit) {
    const int steps_per_stage = kGroupStageK / lists.unit;
    const int units_per_stage = kGroupStageBytes / (2 * lists.unit * lists.unit);
    const int steps = group.columns * lists.columns_per_block;
    const int steps_per_thread =
        (steps + kThreads * steps_per_stage - 1) / (kThreads * steps_per_stage) * steps_per_stage;
    const int begin = min(static_cast<int>(threadIdx.x) * steps_per_thread, steps);
    const int end = min(begin + steps_per_thread, steps);
    int stages = 0;
    int place = 0;
    int free_units = 0;
    for (int step = begin; step < end; ++step) {
        const int units = __popc(group.rows[group.stored[step / lists.columns_per_block]]);
        if (step % steps_per_stage == 0 || units > free_units) {
            ++stages;
            place = 0;
            free_units = units_per_stage;
        }
        visit(step, stage + stages - 1, place);
        ++place;
        free_units -= units;
    }
    return stages;
}

/// Numbers the stages of the group: those of all threads, and those of the threads before this one in `before`.
__device__ inline int count_stages_of(const Group& group, const DeviceLists& lists, int& before) {
    const int own = for_each_step(group, lists, 0, [](int, int, int) {});
    int all = 0;
    before = inclusive_prefix<Sum>(own, all) - own;
    return all;
}

/// Counts the stages and units of every group, and prices its tiles.
__global__ void __launch_bounds__(kThreads) count_stages(const ReplanLaunch p) {
    extern __shared__ __align__(16) unsigned char shared[];
    const int number = static_cast<int>(blockIdx.x);
    const Group group = read_group(p, number, shared);
    int before = 0;
    const int stages = count_stages_of(group, p.lists, before);
    if (threadIdx.x == 0) {
        p.lists.stage_counts[number] = stages;
        p.lists.unit_counts[number] = group.units;
        const TileTicks& ticks = p.schedule.ticks;
        p.schedule.costs[number] = static_cast<std::uint32_t>(
            (ticks.fixed + group.units * ticks.unit +
             static_cast<std::uint64_t>(group.columns * p.lists.columns_per_block) * ticks.column) >>
            kTickBits);
    }
}

/// Sum of the first `count` of `counts`; all threads.
__device__ inline int sum_of(const std::int32_t* counts, int count) {
    int own = 0;
    for (int i = threadIdx.x; i < count; i += kThreads) {
        own += counts[i];
    }
    int all = 0;
    inclusive_prefix<Sum>(own, all);
    return all;
}

/// Writes the lists of every group.
__global__ void __launch_bounds__(kThreads) write_lists(const ReplanLaunch p) {
    extern __shared__ __align__(16) unsigned char shared[];
    const DeviceLists& lists = p.lists;
    const int number = static_cast<int>(blockIdx.x);
    const int parts = lists.columns_per_block;
    const int steps_per_stage = kGroupStageK / lists.unit;
    const Group group = read_group(p, number, shared);
    int stages_before = 0;
    const int stages = count_stages_of(group, lists, stages_before);
    const int first_stage = sum_of(lists.stage_counts, number);
    const int first_unit = sum_of(lists.unit_counts, number);

    if (threadIdx.x < kGroupChunks) {
        const std::int32_t chunk = number * kGroupChunks + static_cast<int>(threadIdx.x);
        lists.group_chunks[chunk] = min(chunk, lists.chunks);
    }
    if (threadIdx.x == 0) {
        lists.group_stages[number] = first_stage;
        if (number + 1 == lists.groups) {
            lists.group_stages[number + 1] = first_stage + stages;
            lists.stage_units[first_stage + stages] = first_unit + group.units;
            lists.stage_units[first_stage + stages + 1] = first_unit + group.units;
        }
    }
    UnionStep* const steps = lists.steps + static_cast<std::int64_t>(first_stage) * steps_per_stage;
    for (int i = threadIdx.x; i < stages * steps_per_stage; i += kThreads) {
        steps[i] = {};  // what no step overwrites fills up a stage
    }
    __syncthreads();
    for_each_step(group, lists, stages_before, [&](int step, int stage, int place) {
        const int column = group.stored[step / parts];
        const int part = step % parts;
        const std::uint32_t rows = group.rows[column];
        if (place == 0) {
            lists.stage_units[first_stage + stage] =
                first_unit + group.before[column] * parts + part * __popc(rows);
        }
        steps[stage * steps_per_stage + place] = {column * parts + part, rows};
    });
    for_each_block(p, number, [&](int block, int first_row) {
        const int column = p.col_indices[block];
        const std::uint32_t rows = group.rows[column];
        const int first = first_unit + group.before[column] * parts + __popc(rows & ((1U << first_row) - 1));
        for (int i = 0; i < lists.rows_per_block; ++i) {
            for (int part = 0; part < parts; ++part) {
                lists.units[first + part * __popc(rows) + i] =
                    (block * lists.rows_per_block + i) * parts + part;
            }
        }
    });
}

}  // namespace bsk::lists
