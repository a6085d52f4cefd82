// How the roles of spmm_sm90_pairs walk the same tiles.
#pragma once

#include <cstdint>

#include "kernels/spmm_launch.h"

namespace bsk {

/// What a CTA of spmm_sm90_pairs needs beside the tensor maps.
struct SpmmSm90PairsParams {
    const RowPair* pairs;  ///< as in RowPairs, as is the next
    const std::int32_t* steps;
    const std::int32_t* work_offsets;  ///< [streams + 1]
    const WorkItem* work;
    int strips;  ///< of one product: a batch has as many strips for each
    int block_k;
    int cluster;     ///< CTAs of a cluster, 1 or 2
    bool one_box_b;  ///< B is row-major and its map one of panels: a stage of it is one box, not four
    bool evict_values_first;      ///< SpmmLaunch::keeps_b_in_l2
    const std::int32_t* sources;  ///< SpmmLaunch::pair_sources
};

/// Every second strip is walked backwards: what the strip before read last is still in L2.
__device__ inline bool walks_backwards(int strip) {
    return strip % 2 != 0;
}

/// What a producer needs of a tile.
struct PairTile {
    int strip;
    int block[2];  ///< of each row the stored block to begin with
    int step;      ///< the one to begin with
    int steps;

    [[nodiscard]] __device__ int direction() const { return walks_backwards(strip) ? -1 : 1; }
};

/// Reads the work items of a stream in order for a producer: the next tile and its first step are there when it is taken,
/// and the pair of the one behind, as these take loads one after the other. A step is as in RowPairs.
class PairReader {
public:
    __device__ PairReader(const SpmmSm90PairsParams& p, int begin, int end, int /*row*/ = 0)
        : p_(p), item_(begin), last_(end - 1), work_(p.work[begin]) {
        ask();
        look_ahead();
    }

    /// The next tile; the last one again behind the end. `step`: its first, if it has any.
    __device__ PairTile take(int& step) {
        const PairTile tile = tile_;
        step = step_;
        look_ahead();
        return tile;
    }

    [[nodiscard]] __device__ int step(int at) const { return __ldg(p_.steps + at); }

    /// The tile that take() gives next.
    [[nodiscard]] __device__ const PairTile& next() const { return tile_; }

private:
    __device__ void look_ahead() {
        const auto start = [this](int first, int count) {
            return walks_backwards(strip_) ? first + count - 1 : first;
        };
        tile_ = {strip_,
                 {start(first_.z, second_.x), start(first_.w, second_.y)},
                 start(second_.z, second_.w),
                 second_.w};
        step_ = tile_.steps > 0 ? __ldg(p_.steps + tile_.step) : 0;
        ask();
    }

    /// Asks for the pair of the item that was asked for before, and for the next item.
    __device__ void ask() {
        const auto* halves = reinterpret_cast<const int4*>(p_.pairs + work_.tile_row);
        first_ = __ldg(halves);
        second_ = __ldg(halves + 1);
        strip_ = work_.strip;
        item_ = min(item_ + 1, last_);
        work_ = p_.work[item_];
    }

    const SpmmSm90PairsParams& p_;
    int item_;
    int last_;
    WorkItem work_;
    int strip_;
    int4 first_;   ///< RowPair's rows and first_block
    int4 second_;  ///< its blocks, first_step and steps
    PairTile tile_;
    int step_;
};

/// The same for the producer of a row's blocks where A is transposed: a step is where its block lies in the values, or -1.
class SourceReader {
public:
    __device__ SourceReader(const SpmmSm90PairsParams& p, int begin, int end, int row)
        : sources_(p.sources + row), reader_(p, begin, end) {
        look_ahead();
    }

    __device__ PairTile take(int& source) {
        source = source_;
        int step = 0;
        const PairTile tile = reader_.take(step);
        look_ahead();
        return tile;
    }

    [[nodiscard]] __device__ int step(int at) const { return __ldg(sources_ + 2 * at); }

private:
    __device__ void look_ahead() {
        const PairTile& tile = reader_.next();
        source_ = tile.steps > 0 ? step(tile.step) : 0;
    }

    const std::int32_t* sources_;
    PairReader reader_;
    int source_;
};

/// What a consumer needs of a tile.
struct RowTile {
    int strip;
    int row;     ///< block row
    int blocks;  ///< stored there
    int steps;
};

/// The same for a consumer, which computes row `row` of the pairs: each tile is read when the one before is taken.
class RowReader {
public:
    __device__ RowReader(const SpmmSm90PairsParams& p, int begin, int end, int row)
        : p_(p), row_(row), item_(begin), last_(end - 1), work_(p.work[begin]) {
        ask();
    }

    /// The next tile; the last one again behind the end.
    __device__ RowTile take() {
        const RowTile tile = tile_;
        ask();
        return tile;
    }

private:
    __device__ void ask() {
        const RowPair* pair = p_.pairs + work_.tile_row;
        tile_ = {work_.strip, __ldg(pair->rows + row_), __ldg(pair->blocks + row_), __ldg(&pair->steps)};
        item_ = min(item_ + 1, last_);
        work_ = p_.work[item_];
    }

    const SpmmSm90PairsParams& p_;
    int row_;
    int item_;
    int last_;
    WorkItem work_;
    RowTile tile_;
};

}  // namespace bsk
