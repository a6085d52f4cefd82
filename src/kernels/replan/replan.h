// Replacing the pattern of a dynamic plan on its device: the index arrays and the order of work.
#pragma once

#include <cstdint>

#include <bsk/types.h>

#include "plan/schedule.h"

namespace bsk {

/// Where one work item goes: `slot` of the items of `stream`.
struct Placement {
    std::int32_t stream;
    std::int32_t slot;
};

inline constexpr int kMostDealtStreams = 256;     ///< streams that items can be dealt to on the device
inline constexpr int kMostSortedTileRows = 4096;  ///< with more tile rows the last quarter keeps its order

/// The order of work as make_schedule (plan/schedule.h) makes it, with costs in whole picoseconds.
struct DeviceSchedule {
    std::int32_t tile_rows = 0;
    std::int32_t strips = 0;
    std::int32_t streams = 0;  ///< 0: the kernel orders its own work
    std::int32_t tiles_per_block = 0;
    std::int64_t tile_picoseconds = 0;
    std::int64_t block_picoseconds = 0;
    std::int32_t* offsets = nullptr;  ///< [streams + 1], as are the items the plan's own
    WorkItem* items = nullptr;        ///< [tile_rows * strips]
    // Workspace:
    std::uint64_t* costs = nullptr;   ///< [tile_rows]
    std::int32_t* tail = nullptr;     ///< [items / 4] items of the last quarter, longest first
    Placement* placements = nullptr;  ///< [items], in the order they are dealt in
};

/// What replan() launches. Pointers are on the device.
struct ReplanLaunch {
    std::int64_t block_rows = 0;
    std::int64_t block_cols = 0;
    std::int64_t nnzb = 0;
    std::int32_t* crow_indices = nullptr;  ///< [block_rows + 1], the plan's own
    std::int32_t* col_indices = nullptr;   ///< [nnzb], the plan's own
    DeviceSchedule schedule;
};

/// Loads the kernels on the current device; outside CUDA-graph capture.
/// @throws Error cuda_error
void prepare_replan();

/// Overwrites the plan's pattern by `crow_indices` and `col_indices` (of `type`, on the device) and orders the work
/// anew. Indices out of range are replaced by the nearest in range.
/// @throws Error cuda_error
void launch_replan(const ReplanLaunch& launch, const void* crow_indices, const void* col_indices,
                   IndexType type, Stream stream);

}  // namespace bsk
