// What every CUDA kernel of values = alpha*(D1*D2) + beta*values is launched with. Plain data: the host compiler reads it
// too.
#pragma once

#include <cstdint>

#include <bsk/types.h>

#include "plan/schedule.h"
#include "plan/sddmm_tiles.h"

namespace bsk {

/// A checked sampled product: pointers are on the device, aligned as the kernel demands, sizes are consistent.
struct SddmmLaunch {
    std::int64_t m = 0;  ///< logical sizes; the last block row / column may be padded
    std::int64_t n = 0;
    std::int64_t k = 0;
    int block_m = 0;
    int block_k = 0;
    std::int64_t nnzb = 0;
    std::int64_t longest_row = 0;                ///< the most blocks that a block row stores
    const std::int32_t* crow_indices = nullptr;  ///< [block_rows + 1]
    const std::int32_t* col_indices = nullptr;   ///< [nnzb]

    DType dtype = DType::f16;  ///< of D1 and D2
    const void* d1 = nullptr;  ///< m x n
    Layout d1_layout = Layout::row_major;
    std::int64_t ld1 = 0;
    const void* d2 = nullptr;  ///< n x k
    Layout d2_layout = Layout::row_major;
    std::int64_t ld2 = 0;

    DType values_dtype = DType::f16;
    void* values = nullptr;  ///< [nnzb, block_m, block_k]
    float alpha = 1.0F;
    float beta = 0.0F;

    const SddmmTile* tiles = nullptr;            ///< sddmm_sm90 only, as is all that follows
    const std::int32_t* work_offsets = nullptr;  ///< [streams + 1], device
    const WorkItem* work = nullptr;   ///< [work_offsets[streams]]; tile_row is the number of a tile
    const TilePart* parts = nullptr;  ///< [part_count]
    int part_count = 0;
    int split_tiles = 0;
    int streams = 0;  ///< CTAs launched
};

}  // namespace bsk
