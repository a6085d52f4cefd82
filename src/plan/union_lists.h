// The order of work of spmm_sm90_small inside a tile of C: rows of units that share loads of B.
//
// A unit is a square of `unit` x `unit` elements of a stored block (the whole block where both sides are
// `unit`). A group is kGroupRows rows of A (row_groups.h); it walks the union of the columns that its rows
// store, kGroupStepK at a time, so that each piece of B is loaded once for all of them.
#pragma once

#include <cstdint>
#include <vector>

#include <bsk/bsr.h>

#include "base/host_device.h"

namespace bsk {

inline constexpr int kGroupRows = 256;  ///< rows of A in a group
inline constexpr int kBandRows = 64;    ///< rows of A in a band
inline constexpr int kGroupBands = kGroupRows / kBandRows;

inline constexpr int kGroupStageK = 128;  ///< columns of A a stage holds at most
inline constexpr int kGroupStepK = 32;    ///< columns of A of a step
inline constexpr int kGroupStageSteps = kGroupStageK / kGroupStepK;

inline constexpr int kGroupStageBytes = 32768;  ///< of 16-bit values of A a stage holds at most

/// Units a stage holds at most.
constexpr int stage_units(int unit) {
    return kGroupStageBytes / (2 * unit * unit);
}
inline constexpr int kMostStageUnits = stage_units(16);

inline constexpr int kMostDynamicSteps =
    4096;  ///< kGroupStepK columns of A each, whose lists the device can make

/// The columns of A that a piece of B meets: one unit column of 32, or two neighbours of 16.
struct UnionStep {
    std::int32_t column = 0;  ///< columns of A column*kGroupStepK ...
    /// Bit r: the group's unit row r stores a unit there; of units of 16, bits 16 + r for the second unit column.
    /// 0 fills up a stage.
    std::uint32_t rows = 0;
};

/// A stage is what lies in one slot of the kernel's ring: up to kGroupStageSteps steps and their units.
struct UnionLists {
    std::vector<std::int32_t> group_rows;    ///< [groups * kGroupRows / unit], as row_groups.h gives them
    std::vector<std::int32_t> group_stages;  ///< [groups + 1]: stages of group g
    std::vector<UnionStep> steps;            ///< [stages * kGroupStageSteps]
    std::vector<std::int32_t> stage_units;   ///< [stages + 2]: units of stage s; the last entry is a copy
    /// [units + kMostStageUnits]: by stage, then by row, then by unit column; index in [nnzb * block_m / unit, block_k / unit],
    /// row-major. What lies past the last unit is 0, so that as many may be read from any stage's first on.
    std::vector<std::int32_t> units;
};

/// What one group computes.
struct GroupWork {
    std::int64_t steps = 0;  ///< pieces of B
    /// spmm_sm90_small: products of a band of kBandRows rows and a unit column where it stores anything; spmm_sm90_pairs:
    /// 64 x 64 of A
    std::int64_t units = 0;
};

/// A bit for each product of a step, by UnionStep::rows.
BSK_HOST_DEVICE constexpr std::uint32_t products_of(std::uint32_t rows, int unit) {
    const std::uint32_t pairs = rows | rows >> 1;
    return unit == 32 ? pairs & 0x55555555 : (pairs | pairs >> 2) & 0x11111111;
}

/// The side of the units that blocks of this shape are cut into: 32 or 16.
[[nodiscard]] int unit_of(int block_m, int block_k);

/// @param a     sizes of A; its pointers are not read
/// @param crow  A's crow_indices [block_rows + 1]
/// @param col   A's col_indices [nnzb], sorted within a block row
/// @param group_rows  as row_groups.h gives them
[[nodiscard]] UnionLists make_union_lists(const BsrView& a, const std::vector<std::int32_t>& crow,
                                          const std::vector<std::int32_t>& col,
                                          std::vector<std::int32_t> group_rows);

/// The most stages that any pattern of these sizes (nnzb among them) has.
[[nodiscard]] std::int64_t most_stages(const BsrView& a);

/// The work of every group, in order.
[[nodiscard]] std::vector<GroupWork> group_work(const UnionLists& lists, int unit);

}  // namespace bsk
