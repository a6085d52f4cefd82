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
    const TilePart* parts;  ///< of the split tiles
    float* partials;  ///< for each slot, CTA of the cluster and 64 rows of a tile: 64 x 256 partial sums
    std::int32_t* arrivals;  ///< zeros, for each split tile, CTA of the cluster and 64 rows of a tile
    int strips;              ///< of one product: a batch has as many strips for each
    int block_m;
    int block_k;
    int tiles_per_block_log2;  ///< block_m / tile_m
    int cluster;               ///< CTAs of a cluster, 1 or 2
};

/// A tile of C to work on, and the stored blocks to add up there.
struct Work {
    int tile_row;
    int strip;
    int block_begin;  ///< stored blocks [block_begin, block_begin + blocks)
    int blocks;
};

__device__ inline Work load_work(const SpmmSm90Params& p, int item) {
    const WorkItem work = p.work[item];
    const std::int32_t* range = work.part < 0 ? p.crow_indices + (work.tile_row >> p.tiles_per_block_log2)
                                              : &p.parts[work.part].block_begin;
    const int begin = __ldg(range);
    return {work.tile_row, work.strip, begin, __ldg(range + 1) - begin};
}

/// Where a tile lies in C.
struct Place {
    int row;  ///< its first
    int col;  ///< its first
    int batch;
};

/// Place of the tile for the CTA of this rank in its cluster.
template <int kTileM, int kTileN>
__device__ inline Place place_of(const SpmmSm90Params& p, const Work& work, int rank) {
    const int batch = work.strip / p.strips;
    return {work.tile_row * kTileM, ((work.strip - batch * p.strips) * p.cluster + rank) * kTileN, batch};
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
