// Replacing the pattern of a dynamic plan on its device: the index arrays, the lists of spmm_sm90_small and the
// order of work.
#pragma once

#include <cstdint>

#include <bsk/types.h>

#include "plan/schedule.h"
#include "plan/union_lists.h"

namespace bsk {

inline constexpr int kMostDealtStreams = 255;     ///< streams that items can be dealt to on the device
inline constexpr int kMostSortedTileRows = 4096;  ///< more tile rows are taken in natural order
/// What all tiles together cost at most: a tick is the unit of costs on the device.
inline constexpr std::uint32_t kTotalTicks = 1U << 23;

/// Where one work item goes: `slot` of the items of `stream`.
struct alignas(8) Placement {
    std::int32_t stream;
    std::int32_t slot;
};

/// What a tile costs, in 2^-kTickBits ticks.
inline constexpr int kTickBits = 20;
struct TileTicks {
    std::uint64_t fixed = 0;
    std::uint64_t unit =
        0;  ///< for each stored block of its block row; spmm_sm90_small: product of its group
    std::uint64_t step = 0;  ///< spmm_sm90_small: for each step of its group
};

/// The order of work as make_schedule (plan/schedule.h) makes it.
struct DeviceSchedule {
    std::int32_t tile_rows = 0;
    std::int32_t strips = 0;
    std::int32_t streams = 0;  ///< 0: the kernel orders its own work
    std::int32_t tiles_per_block = 0;
    std::int32_t most_tail_items = 0;  ///< as most_tail_items() of plan/schedule.h gives
    TileTicks ticks;
    std::int32_t* offsets = nullptr;  ///< [streams + 1], as are the items the plan's own
    WorkItem* items = nullptr;        ///< [tile_rows * strips]
    // Workspace:
    std::uint32_t* costs = nullptr;         ///< [tile_rows]
    std::int32_t* ranked_rows = nullptr;    ///< [tile_rows] those that cost most first
    std::uint32_t* ranked_costs = nullptr;  ///< [tile_rows] theirs
    std::int32_t* tail = nullptr;           ///< [most_tail_items] items that go longest first, sorted
    Placement* placements = nullptr;        ///< [items], in the order they are dealt in
};

/// The UnionLists (plan/union_lists.h) of spmm_sm90_small, the plan's own. Groups of rows stay in natural order.
struct DeviceLists {
    int unit = 0;  ///< 32 or 16; 0 for the other kernels
    int rows_per_block = 0;
    int columns_per_block = 0;
    int units_per_stage = 0;
    int steps_of_a = 0;  ///< of kGroupStepK columns
    std::int32_t groups = 0;
    std::int32_t* group_rows = nullptr;
    std::int32_t* group_stages = nullptr;
    UnionStep* steps = nullptr;
    std::int32_t* stage_units = nullptr;
    std::int32_t* units = nullptr;
    // Workspace:
    std::int32_t* stage_counts = nullptr;  ///< [groups]
    std::int32_t* unit_counts = nullptr;   ///< [groups]
};

/// What replan() launches. Pointers are on the device.
struct ReplanLaunch {
    std::int64_t block_rows = 0;
    std::int64_t block_cols = 0;
    std::int64_t nnzb = 0;
    std::int32_t* crow_indices = nullptr;  ///< [block_rows + 1], the plan's own
    std::int32_t* col_indices = nullptr;   ///< [nnzb], the plan's own
    DeviceSchedule schedule;
    DeviceLists lists;
};

/// Loads the kernels on the current device; outside CUDA-graph capture.
/// @throws Error cuda_error
void prepare_replan();

/// Overwrites the plan's pattern by `crow_indices` and `col_indices` (of `type`, on the device) and what depends on it.
/// An index out of range is replaced by the nearest in range, one of `crow_indices` that decreases by the last one.
/// @throws Error cuda_error
void launch_replan(const ReplanLaunch& launch, const void* crow_indices, const void* col_indices,
                   IndexType type, Stream stream);

}  // namespace bsk
