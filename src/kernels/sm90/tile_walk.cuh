// How the three roles of spmm_sm90 walk the same tiles and the same ring of stages.
#pragma once

#include <cstdint>

#include "kernels/spmm_launch.h"

namespace bsk {

/// What a CTA needs beside the tensor maps.
struct SpmmSm90Params {
    const std::int32_t* crow_indices;  ///< [block_rows + 1]
    const std::int32_t* col_indices;   ///< [nnzb]
    const std::int32_t* work_offsets;  ///< [streams + 1]
    const WorkItem* work;
    int strips;  ///< of one product: a batch has as many strips for each
    int block_m;
    int block_k;
    int tiles_per_block_log2;  ///< block_m / tile_m
    int cluster;               ///< CTAs of a cluster, 1 or 2
};

/// A tile of C, and the stored blocks of its block row.
struct Tile {
    int row;           ///< first row in C
    int col;           ///< first column in C
    int row_in_block;  ///< first row of the tile in its stored blocks
    int block_begin;   ///< stored blocks [block_begin, block_end)
    int block_end;
    int batch;  ///< product it belongs to
};

/// Tile of one work item for the CTA of this rank in its cluster.
template <int kTileM, int kTileN>
__device__ inline Tile load_tile(const SpmmSm90Params& p, int item, int rank) {
    const WorkItem work = p.work[item];
    const int block_row = work.tile_row >> p.tiles_per_block_log2;
    const int part = work.tile_row & ((1 << p.tiles_per_block_log2) - 1);
    const int batch = work.strip / p.strips;
    return {work.tile_row * kTileM,
            ((work.strip - batch * p.strips) * p.cluster + rank) * kTileN,
            part * kTileM,
            __ldg(p.crow_indices + block_row),
            __ldg(p.crow_indices + block_row + 1),
            batch};
}

/// Position in the ring: the only owner of stage and phase. A stage's barrier completes one phase a round.
template <int kStages>
struct PipelineState {
    int stage = 0;
    std::uint32_t phase = 0;

    __device__ void advance() {
        if (++stage == kStages) {
            stage = 0;
            phase ^= 1;
        }
    }
    __device__ void advance(int steps) {
        const int next = stage + steps;
        phase ^= (next / kStages) & 1;
        stage = next % kStages;
    }
};

}  // namespace bsk
