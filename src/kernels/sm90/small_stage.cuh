// What producers and consumers of spmm_sm90_small agree on: how a stage lies in shared memory.
//
//   a   up to kGroupStageBytes of units, row by row in the order of the plan, 32 rows of 64 bytes, swizzled by as many, or 16 rows of 32
//       bytes, as they come
//   b   128 of k x 128 columns of n in pieces of 32 of k, one for each step:
//         B row major: 2 x (32 rows of k x 64 columns of n), 128-byte swizzle
//         B col major: 128 rows of n x 32 columns of k, swizzled by the row's 64 bytes
//
// and what a producer warp says of it for the consumers: SmallLists.
#pragma once

#include <cstdint>

#include <bsk/types.h>

#include "kernels/sm90/warpgroup.cuh"
#include "plan/kernels.h"
#include "plan/union_lists.h"

namespace bsk {

inline constexpr int kSmallConsumers = kGroupBands;  ///< warpgroups, a band of 64 rows each
inline constexpr int kSmallWarps = kSmallConsumers * kWarpgroupThreads / 32;
inline constexpr int kSmallThreads = (1 + kSmallConsumers) * kWarpgroupThreads;
inline constexpr int kSmallStages = 3;                                 ///< of the ring: what fits in 227 KiB
inline constexpr int kPieceBytes = kGroupStepK * kSm90SmallTileN * 2;  ///< of B for a step

/// Lines of a column-major B, columns of C, in a box: whole groups of 8, as wgmma and the check of its sums have them.
__host__ __device__ constexpr int small_box_lines(int n) {
    return n < kSm90SmallTileN ? (n + 7) / 8 * 8 : kSm90SmallTileN;
}

template <int kUnit>
struct SmallStage {
    static constexpr int kUnitBytes = kUnit * kUnit * 2;
    std::uint8_t a[kGroupStageBytes];
    std::uint8_t b[kGroupStageSteps * kPieceBytes];
};

/// Byte offset in SmallStage::b of 16 of k, `slice` of the stage.
template <bool kRowMajorB>
__device__ constexpr int slice_offset(int slice) {
    constexpr int kPerPiece = kGroupStepK / 16;
    return slice / kPerPiece * kPieceBytes + slice % kPerPiece * 16 * (kRowMajorB ? 128 : 2);
}

/// What the consumer warps multiply of a stage: for each unit row of the group the columns in which its band stores anything, in
/// order. An entry is
///   bit 0           set in the last one
///   bits 1 .. 13    where B's rows of k of the column begin in shared memory, in 16 bytes (an even number)
///   bits 14 .. 31   byte offset in SmallStage::a of the unit that the row stores there; kNoUnit where it stores none
/// The first is 0 where the band stores nothing. What follows the last is not defined.
template <int kUnit>
struct alignas(16) SmallLists {
    static constexpr int kColumns = kGroupStageK / kUnit;  ///< of a stage at most
    static constexpr int kRows = kGroupRows / kUnit;
    static constexpr std::uint32_t kLast = 1;
    static constexpr std::uint32_t kStartOfB = 0x3FFE;
    static constexpr int kUnitShift = 14;
    static constexpr std::uint32_t kNoUnit =
        0xFFFFFFFF >> kUnitShift;  ///< more than any offset in SharedStorage
    std::uint32_t entries[kRows][kColumns];
};

/// What a CTA needs beside the tensor maps.
struct SpmmSm90SmallParams {
    const std::int32_t* group_rows;  ///< as in UnionLists, as are the next four
    const std::int32_t* group_stages;
    const UnionStep* steps;
    const std::int32_t* stage_units;
    const std::int32_t* units;
    const std::int32_t* work_offsets;  ///< [streams + 1]
    const WorkItem* work;
    const TilePart* parts;  ///< of the split tiles
    float* partials;        ///< for each slot, CTA of the cluster and band of the tile: 64 x 128 partial sums
    std::int32_t* arrivals;      ///< zeros, for each split tile, CTA of the cluster and band of the tile
    const std::uint8_t* values;  ///< of A
    const std::uint16_t* b;      ///< [batch], k x n each
    std::int64_t ldb;            ///< elements, as stride_b
    std::int64_t stride_b;
    int n;
    int k;
    int strips;              ///< of one product: a batch has as many strips for each
    int units_per_row_log2;  ///< block_k / unit
    int cluster;             ///< CTAs of a cluster, 1 or 2
    bool one_box_b;  ///< B is row-major and n whole tiles: a piece of it is one box of panels, not two
};

/// Stages [begin, end) that a work item adds up.
struct StageRange {
    int begin;
    int end;

    __device__ StageRange(const SpmmSm90SmallParams& p, const WorkItem& work) {
        const std::int32_t* range =
            work.part >= 0 ? &p.parts[work.part].begin : p.group_stages + work.tile_row;
        begin = __ldg(range);
        end = __ldg(range + 1);
    }
};

/// Where a tile lies in C.
struct SmallPlace {
    int group;  ///< of rows
    int col;    ///< its first
    int batch;
};

/// Place of the tile for the CTA of this rank in its cluster.
__device__ inline SmallPlace place_of(const SpmmSm90SmallParams& p, const WorkItem& work, int rank) {
    const int batch = work.strip / p.strips;
    return {work.tile_row, ((work.strip - batch * p.strips) * p.cluster + rank) * kSm90SmallTileN, batch};
}

}  // namespace bsk
