// How the roles of spmm_sm90 walk the same tiles.
#pragma once

#include <cstdint>

#include "kernels/spmm_launch.h"

namespace bsk {

/// What a CTA needs beside the tensor maps.
struct SpmmSm90Params {
    const std::int32_t* crow_indices;  ///< [block_rows + 1]
    const std::int32_t* col_indices;   ///< [nnzb]
    const std::int32_t* sources;       ///< [nnzb]: SpmmLaunch::sources
    const std::int32_t* work_offsets;  ///< [streams + 1]
    const WorkItem* work;
    const TilePart* parts;  ///< of the split tiles
    float* partials;  ///< for each slot, CTA of the cluster and 64 rows of a tile: 64 x 256 partial sums
    std::int32_t* arrivals;  ///< zeros, for each split tile, CTA of the cluster and 64 rows of a tile
    int n;
    int strips;  ///< of one product: a batch has as many strips for each
    int block_m;
    int block_k;
    int tiles_per_block_log2;  ///< block_m / tile_m
    int cluster;               ///< CTAs of a cluster, 1 or 2
    bool evict_values_first;   ///< SpmmLaunch::keeps_b_in_l2
};

/// A tile of C to work on, and the stored blocks to add up there.
struct Work {
    int tile_row;
    int strip;
    int block_begin;  ///< stored blocks [block_begin, block_end)
    int block_end;
};

/// Reads the work items of a stream in order, each long before it is taken: its block range depends on the item, and
/// waiting for the two loads one after the other would take as long as several steps.
///
/// @tparam kAhead   items taken in quick succession
/// @tparam kSplits  whether items may be parts of a tile
template <int kAhead, bool kSplits>
class WorkReader {
public:
    __device__ WorkReader(const SpmmSm90Params& p, int begin, int end) : p_(p), item_(begin), last_(end - 1) {
#pragma unroll
        for (int i = 0; i < kAhead; ++i) {
            ready_[i] = with_blocks(p_.work[min(begin + i, last_)]);
            coming_[i] = p_.work[min(begin + kAhead + i, last_)];
        }
    }

    /// The next item; the last one again behind the end.
    __device__ Work take() {
        const Work work = ready_[0];
#pragma unroll
        for (int i = 0; i + 1 < kAhead; ++i) {
            ready_[i] = ready_[i + 1];
        }
        ready_[kAhead - 1] = with_blocks(coming_[0]);
#pragma unroll
        for (int i = 0; i + 1 < kAhead; ++i) {
            coming_[i] = coming_[i + 1];
        }
        coming_[kAhead - 1] = p_.work[min(item_ + 2 * kAhead, last_)];
        ++item_;
        return work;
    }

private:
    __device__ Work with_blocks(const WorkItem& item) const {
        const std::int32_t* range = p_.crow_indices + (item.tile_row >> p_.tiles_per_block_log2);
        if (kSplits && item.part >= 0) {
            range = &p_.parts[item.part].begin;
        }
        return {item.tile_row, item.strip, __ldg(range), __ldg(range + 1)};
    }

    const SpmmSm90Params& p_;
    int item_;
    int last_;
    Work ready_[kAhead];
    WorkItem coming_[kAhead];
};

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

}  // namespace bsk
