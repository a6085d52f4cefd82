#include "plan/sddmm_tiles.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <span>
#include <tuple>

namespace bsk {

namespace {

/// Block rows that are paired only with each other: for the locality of what tiles read, and for the time of pairing.
constexpr std::int64_t kGroup = 64;

/// A block row of a tile.
struct Row {
    std::int32_t block_row;
    std::span<const std::int32_t> blocks;  ///< for each block column of the tile, the stored block or -1
};

/// Fills in units from up to four units' worth of block columns; both rows are unit rows of 64.
SddmmTile make_tile(const BsrView& a, std::span<const std::int32_t> block_cols,
                    const Row (&rows)[kSddmmTileRows], const std::int32_t (&row_in_block)[kSddmmTileRows]) {
    const int units = a.block_k / kSddmmUnit;
    SddmmTile tile{};
    for (int j = 0; j < kSddmmTileCols; ++j) {
        const bool there = j < static_cast<int>(block_cols.size()) * units;
        const auto column = static_cast<std::size_t>(there ? j / units : 0);
        tile.cols[j] = block_cols[column] * units + (there ? j % units : 0);
        for (int i = 0; i < kSddmmTileRows; ++i) {
            const std::int32_t block = there ? rows[i].blocks[column] : -1;
            tile.rows[i] = (rows[i].block_row * a.block_m + row_in_block[i]) / kSddmmUnit;
            tile.out[i][j] = block < 0 ? -1 : block * a.block_m + row_in_block[i];
        }
    }
    return tile;
}

/// Tiles of block rows that fill both rows of a tile.
std::vector<SddmmTile> tiles_of_rows(const BsrView& a, const std::vector<std::int32_t>& crow,
                                     const std::vector<std::int32_t>& col) {
    const int width = std::max(kSddmmTileCols * kSddmmUnit / a.block_k, 1);  // blocks side by side in a tile
    std::vector<SddmmTile> tiles;
    for (std::int32_t row = 0; row + 1 < static_cast<std::int32_t>(crow.size()); ++row) {
        for (std::int32_t first = crow[row]; first < crow[row + 1]; first += width) {
            const int count = std::min(width, crow[row + 1] - first);
            std::int32_t blocks[kSddmmTileCols];
            for (int i = 0; i < count; ++i) {
                blocks[i] = first + i;
            }
            const std::span<const std::int32_t> cols(col.data() + first, static_cast<std::size_t>(count));
            const Row at{row, {blocks, static_cast<std::size_t>(count)}};
            for (std::int32_t inside = 0; inside < a.block_m; inside += kSddmmTileRows * kSddmmUnit) {
                tiles.push_back(make_tile(a, cols, {at, at}, {inside, inside + kSddmmUnit}));
            }
        }
    }
    return tiles;
}

/// Pairs block rows of 64. The blocks that are in no tile yet are bits of a row of words.
class Pairing {
public:
    Pairing(const BsrView& a, const std::vector<std::int32_t>& crow, const std::vector<std::int32_t>& col)
        : a_(a),
          crow_(crow),
          col_(col),
          rows_(static_cast<std::int64_t>(crow.size()) - 1),
          words_((a.block_cols() + 63) / 64),
          width_(std::max(kSddmmTileCols * kSddmmUnit / a.block_k, 1)),
          left_(static_cast<std::size_t>(rows_ * words_)) {
        for (std::int64_t row = 0; row < rows_; ++row) {
            for (std::int32_t p = crow[row]; p < crow[row + 1]; ++p) {
                left(row)[col[p] / 64] |= std::uint64_t{1} << (col[p] % 64);
            }
        }
    }

    std::vector<SddmmTile> run() {
        for (first_ = 0; first_ < rows_; first_ += kGroup) {
            last_ = std::min(first_ + kGroup, rows_);
            for (int kept = 2 * width_; kept > 0; --kept) {
                for (std::int64_t row = first_; row < last_; ++row) {
                    while (take(row, kept)) {
                    }
                }
            }
        }
        return std::move(tiles_);
    }

private:
    std::uint64_t* left(std::int64_t row) { return left_.data() + row * words_; }

    /// Makes a tile of `row` and the best row of the group if that keeps at least `kept` blocks.
    bool take(std::int64_t row, int kept) {
        std::int64_t best = -1;
        std::tuple<int, int, int> best_key;
        const bool any = std::any_of(left(row), left(row) + words_, [](std::uint64_t x) { return x != 0; });
        if (!any) {
            return false;
        }
        for (std::int64_t other = first_; other < last_; ++other) {
            int shared = 0;
            int either = 0;
            for (std::int64_t w = 0; w < words_; ++w) {
                shared += std::popcount(left(row)[w] & left(other)[w]);
                either += std::popcount(left(row)[w] | left(other)[w]);
            }
            if (other == row) {
                shared = 0;  // alone, if there is no better partner
            }
            const int keeps = std::min(either, width_) + std::min(shared, width_);
            // Of equals the one that leaves the fewest shared blocks behind; itself last.
            const std::tuple key{shared / width_, -(shared % width_), other == row ? 0 : 1};
            if (keeps >= kept && (best < 0 || key > best_key)) {
                best = other;
                best_key = key;
            }
        }
        if (best < 0) {
            return false;
        }
        add_tile(row, best);
        return true;
    }

    /// A tile of the first columns that both rows have left, then of those that one has.
    void add_tile(std::int64_t row, std::int64_t other) {
        std::vector<std::int32_t> cols;
        const auto add_columns = [&](auto wanted) {
            for (std::int64_t w = 0; w < words_; ++w) {
                std::uint64_t bits = wanted(left(row)[w], left(other)[w]);
                for (; bits != 0 && static_cast<int>(cols.size()) < width_; bits &= bits - 1) {
                    cols.push_back(static_cast<std::int32_t>(w * 64 + std::countr_zero(bits)));
                }
            }
        };
        add_columns([](std::uint64_t x, std::uint64_t y) { return x & y; });
        add_columns([](std::uint64_t x, std::uint64_t y) { return x ^ y; });
        std::int32_t blocks[kSddmmTileRows][kSddmmTileCols];
        for (std::size_t i = 0; i < cols.size(); ++i) {
            blocks[0][i] = remove(row, cols[i]);
            blocks[1][i] = remove(other, cols[i]);
        }
        const Row rows[]{{static_cast<std::int32_t>(row), {blocks[0], cols.size()}},
                         {static_cast<std::int32_t>(other), {blocks[1], cols.size()}}};
        tiles_.push_back(make_tile(a_, cols, rows, {0, 0}));
    }

    /// The stored block at a place, or -1 where none is left; it is not left then.
    std::int32_t remove(std::int64_t row, std::int32_t column) {
        const std::uint64_t bit = std::uint64_t{1} << (column % 64);
        if ((left(row)[column / 64] & bit) == 0) {
            return -1;
        }
        left(row)[column / 64] &= ~bit;
        const auto begin = col_.begin() + crow_[row];
        return static_cast<std::int32_t>(std::lower_bound(begin, col_.begin() + crow_[row + 1], column) -
                                         col_.begin());
    }

    const BsrView& a_;
    const std::vector<std::int32_t>& crow_;
    const std::vector<std::int32_t>& col_;
    std::int64_t rows_;
    std::int64_t words_;
    int width_;               ///< block columns of a tile
    std::int64_t first_ = 0;  ///< block rows [first_, last_) are being paired
    std::int64_t last_ = 0;
    std::vector<std::uint64_t> left_;
    std::vector<SddmmTile> tiles_;
};

}  // namespace

std::vector<SddmmTile> make_sddmm_tiles(const BsrView& a, const std::vector<std::int32_t>& crow,
                                        const std::vector<std::int32_t>& col) {
    return a.block_m == kSddmmUnit ? Pairing(a, crow, col).run() : tiles_of_rows(a, crow, col);
}

}  // namespace bsk
