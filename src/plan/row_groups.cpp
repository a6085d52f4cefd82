#include "plan/row_groups.h"

#include <algorithm>
#include <iterator>
#include <numeric>

#include "base/math.h"
#include "plan/union_lists.h"

namespace bsk {

namespace {

/// 0, 1, ... count - 1 and, up to a multiple of `lot`, count.
std::vector<std::int32_t> natural_order(std::int64_t count, int lot) {
    std::vector<std::int32_t> order(static_cast<std::size_t>(round_up(count, lot)),
                                    static_cast<std::int32_t>(count));
    std::iota(order.begin(), order.begin() + count, 0);
    return order;
}

}  // namespace

RowBands::RowBands(const BsrView& a, const std::vector<std::int32_t>& crow,
                   const std::vector<std::int32_t>& col) {
    const int piece_rows = std::min(a.block_m, kBandRows);
    pieces_per_band_ = kBandRows / piece_rows;
    units_per_piece_ = piece_rows / unit_of(a.block_m, a.block_k);
    const std::int64_t pieces = ceil_div(a.m, piece_rows);
    const auto block_row = [&](std::int64_t piece) { return piece * piece_rows / a.block_m; };
    if (ColumnSets::are_small(pieces, a.block_cols())) {
        ColumnSets sets(pieces, a.block_cols());
        for (std::int64_t piece = 0; piece < pieces; ++piece) {
            sets.add_row(piece, crow, col, block_row(piece));
        }
        pieces_ = gather_alike(sets, pieces_per_band_);
        columns_ = unions_of(sets, pieces_, pieces_per_band_);
    } else {
        pieces_ = natural_order(pieces, pieces_per_band_);
    }
    blocks_.resize(pieces_.size() / pieces_per_band_);
    for (std::ptrdiff_t i = 0; i < std::ssize(pieces_); ++i) {
        if (pieces_[i] < pieces) {
            const std::int64_t row = block_row(pieces_[i]);
            blocks_[i / pieces_per_band_] += crow[row + 1] - crow[row];
        }
    }
}

std::vector<std::int32_t> RowBands::like_groups() const {
    return unit_rows(columns_ ? gather_alike(*columns_, kGroupBands)
                              : natural_order(std::ssize(blocks_), kGroupBands));
}

std::vector<std::int32_t> RowBands::even_groups() const {
    std::vector<std::int32_t> order = natural_order(std::ssize(blocks_), 1);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::int32_t x, std::int32_t y) { return blocks_[x] > blocks_[y]; });
    const std::ptrdiff_t groups = ceil_div(std::ssize(order), kGroupBands);
    std::vector<std::int32_t> bands(static_cast<std::size_t>(groups * kGroupBands),
                                    static_cast<std::int32_t>(order.size()));
    auto next = order.begin();
    for (int round = 0; round < kGroupBands; ++round) {
        for (std::ptrdiff_t i = 0; i < groups; ++i) {
            const std::ptrdiff_t place = (round % 2 == 0 ? i : groups - 1 - i) * kGroupBands + round;
            if (place < std::ssize(order)) {  // the last group may lack some
                bands[place] = *next++;
            }
        }
    }
    return unit_rows(bands);
}

std::vector<std::int32_t> RowBands::unit_rows(const std::vector<std::int32_t>& bands) const {
    std::vector<std::int32_t> rows;
    rows.reserve(bands.size() * pieces_per_band_ * units_per_piece_);
    for (const std::int32_t band : bands) {
        for (int i = 0; i < pieces_per_band_; ++i) {
            const std::ptrdiff_t place = std::ptrdiff_t{band} * pieces_per_band_ + i;
            const std::int32_t piece =
                place < std::ssize(pieces_) ? pieces_[place] : static_cast<std::int32_t>(pieces_.size());
            for (int unit = 0; unit < units_per_piece_; ++unit) {
                rows.push_back(piece * units_per_piece_ + unit);
            }
        }
    }
    return rows;
}

}  // namespace bsk
