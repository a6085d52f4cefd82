// The order of work of spmm_sm90_small inside a tile of C: rows of units that share loads of B.
//
// A unit is a square of `unit` x `unit` elements of a stored block (the whole block where both sides are
// `unit`). A group is kGroupRows rows of A (row_groups.h); it walks the union of the unit columns that its
// rows store, so that each piece of B is loaded once for all of them.
#pragma once

#include <cstdint>
#include <vector>

#include <bsk/bsr.h>

#include "plan/row_groups.h"

namespace bsk {

inline constexpr int kGroupStageK = 128;        ///< columns of A a stage holds at most
inline constexpr int kGroupStageBytes = 32768;  ///< of 16-bit values of A a stage holds at most
inline constexpr int kMostStageUnits = kGroupStageBytes / (2 * 16 * 16);

inline constexpr int kMostDynamicColumns = 4096;  ///< unit columns of A whose lists the device can make

/// One unit column of a stage.
struct UnionStep {
    std::int32_t column = 0;  ///< columns of A column*unit ...
    std::uint32_t rows = 0;   ///< bit r: the group's unit row r stores a unit there; 0 fills up a stage
};

/// A stage is what lies in one slot of the kernel's ring: up to kGroupStageK / unit steps and their units.
struct UnionLists {
    std::vector<std::int32_t> group_chunks;  ///< [groups * kGroupChunks], as make_row_groups gives them
    std::vector<std::int32_t> group_stages;  ///< [groups + 1]: stages of group g
    std::vector<UnionStep> steps;            ///< [stages * kGroupStageK / unit]
    std::vector<std::int32_t> stage_units;   ///< [stages + 2]: units of stage s; the last entry is a copy
    /// [units + kMostStageUnits]: by step, then by row; index in [nnzb * block_m / unit, block_k / unit],
    /// row-major. What lies past the last unit is 0, so that as many may be read from any stage's first on.
    std::vector<std::int32_t> units;
};

/// What one group computes.
struct GroupWork {
    std::int64_t columns = 0;  ///< unit columns in the union
    std::int64_t units = 0;
};

/// The side of the units that blocks of this shape are cut into: 32 or 16.
[[nodiscard]] int unit_of(int block_m, int block_k);

/// @param a     sizes of A; its pointers are not read
/// @param crow  A's crow_indices [block_rows + 1]
/// @param col   A's col_indices [nnzb], sorted within a block row
[[nodiscard]] UnionLists make_union_lists(const BsrView& a, const std::vector<std::int32_t>& crow,
                                          const std::vector<std::int32_t>& col);

/// The most stages that any pattern of these sizes (nnzb among them) has.
[[nodiscard]] std::int64_t most_stages(const BsrView& a);

/// The work of every group, in order.
[[nodiscard]] std::vector<GroupWork> group_work(const UnionLists& lists);

}  // namespace bsk
