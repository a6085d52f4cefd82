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
};

/// A tile of C to work on. Every second strip is walked backwards: what the strip before read last is still in L2.
struct PairTile {
    int strip;
    int rows[2];    ///< block rows
    int blocks[2];  ///< stored in each
    int block[2];   ///< of each the one to begin with
    int step;       ///< the one to begin with
    int steps;

    [[nodiscard]] __device__ int direction() const { return strip % 2 == 0 ? 1 : -1; }
};

/// Reads the work items of a stream in order, each long before it is taken: what it holds takes loads one after the other.
///
/// @tparam kReadsSteps  also reads the first step of each tile ahead
template <bool kReadsSteps>
class PairReader {
public:
    __device__ PairReader(const SpmmSm90PairsParams& p, int begin, int end)
        : p_(p), item_(begin), last_(end - 1), work_(p.work[begin]) {
        advance();
        if constexpr (kReadsSteps) {
            look_ahead();
        }
    }

    /// The next tile; the last one again behind the end. `step`: its first, if it has any.
    __device__ PairTile take(int& step) {
        if constexpr (kReadsSteps) {
            const PairTile tile = tile_;
            step = step_;
            look_ahead();
            return tile;
        } else {
            const PairTile tile = resolved();
            advance();
            return tile;
        }
    }

private:
    /// The tile after the next, from what was asked for a tile ago.
    __device__ void look_ahead() {
        tile_ = resolved();
        step_ = tile_.steps > 0 ? __ldg(p_.steps + tile_.step) : 0;
        advance();
    }

    __device__ PairTile resolved() const {
        const auto start = [this](int first, int count) {
            return strip_ % 2 == 0 ? first : first + count - 1;
        };
        return {strip_,
                {first_.x, first_.y},
                {second_.x, second_.y},
                {start(first_.z, second_.x), start(first_.w, second_.y)},
                start(second_.z, second_.w),
                second_.w};
    }

    /// Asks for the pair of the item that was asked for before, and for the next item.
    __device__ void advance() {
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

}  // namespace bsk
