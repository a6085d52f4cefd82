#include "plan/sddmm_tiles.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <numeric>
#include <queue>
#include <utility>

#include "base/math.h"

namespace bsk {

namespace {

/// Rows of D1 that share tiles only with each other: for the locality of what tiles read, and for the time of planning.
constexpr std::int64_t kGroupRows = 4096;

/// The units of a pattern as bits, row by row, and where each is stored.
class Units {
public:
    Units(const BsrView& a, const std::vector<std::int32_t>& crow, const std::vector<std::int32_t>& col)
        : unit(sddmm_unit(a.block_m, a.block_k)),
          rows(a.block_rows() * (a.block_m / unit)),
          words(ceil_div(a.block_cols() * (a.block_k / unit), 64)),
          a_(a),
          crow_(crow),
          col_(col),
          left_(static_cast<std::size_t>(rows * words)) {
        const int rows_of_block = a.block_m / unit;
        const int cols_of_block = a.block_k / unit;
        for (std::int64_t row = 0; row < rows; ++row) {
            for (std::int32_t p = crow[row / rows_of_block]; p < crow[row / rows_of_block + 1]; ++p) {
                for (std::int64_t c = 0; c < cols_of_block; ++c) {
                    const std::int64_t column = std::int64_t{col[p]} * cols_of_block + c;
                    left(row)[column / 64] |= std::uint64_t{1} << (column % 64);
                }
            }
        }
    }

    const int unit;
    const std::int64_t rows;
    const std::int64_t words;  ///< of a row's bits

    /// The units of a row that are in no tile yet.
    [[nodiscard]] const std::uint64_t* left(std::int64_t row) const { return left_.data() + row * words; }

    /// Where the unit is stored, SddmmTile::out, or -1 where none is left; it is not left then.
    std::int32_t take(std::int64_t row, std::int32_t column) {
        const std::uint64_t bit = std::uint64_t{1} << (column % 64);
        if ((left(row)[column / 64] & bit) == 0) {
            return -1;
        }
        left(row)[column / 64] &= ~bit;
        const std::int64_t first_row = row * unit;
        const auto begin = col_.begin() + crow_[first_row / a_.block_m];
        const auto end = col_.begin() + crow_[first_row / a_.block_m + 1];
        const auto block = std::lower_bound(begin, end, column * unit / a_.block_k) - col_.begin();
        return static_cast<std::int32_t>(block * a_.block_m + first_row % a_.block_m);
    }

private:
    std::uint64_t* left(std::int64_t row) { return left_.data() + row * words; }

    const BsrView& a_;
    const std::vector<std::int32_t>& crow_;
    const std::vector<std::int32_t>& col_;
    std::vector<std::uint64_t> left_;
};

/// Takes the units of `rows` at `cols`; both may be fewer than a tile has.
SddmmTile take_tile(Units& units, const std::vector<std::int64_t>& rows,
                    const std::vector<std::int32_t>& cols) {
    SddmmTile tile{};
    for (int j = 0; j < kSddmmTileN / units.unit; ++j) {
        const bool has_column = j < static_cast<int>(cols.size());
        tile.cols[j] = has_column ? cols[static_cast<std::size_t>(j)] : cols.front();
        for (int i = 0; i < kSddmmTileM / units.unit; ++i) {
            const bool has_row = i < static_cast<int>(rows.size());
            const std::int64_t row = has_row ? rows[static_cast<std::size_t>(i)] : rows.front();
            tile.rows[i] = static_cast<std::int32_t>(row);
            tile.out[i][j] = has_row && has_column ? units.take(row, tile.cols[j]) : -1;
        }
    }
    return tile;
}

/// Unit columns of a row that are left, as many as a tile has or all that there are.
std::vector<std::int32_t> next_columns(const Units& units, std::int64_t row) {
    std::vector<std::int32_t> cols;
    for (std::int64_t w = 0; w < units.words; ++w) {
        for (std::uint64_t bits = units.left(row)[w]; bits != 0; bits &= bits - 1) {
            if (static_cast<int>(cols.size()) == kSddmmTileN / units.unit) {
                return cols;
            }
            cols.push_back(static_cast<std::int32_t>(w * 64 + std::countr_zero(bits)));
        }
    }
    return cols;
}

/// Tiles of block rows that fill the rows of a tile: consecutive unit rows, all with the same columns.
std::vector<SddmmTile> tiles_of_rows(Units& units) {
    std::vector<SddmmTile> tiles;
    for (std::int64_t first = 0; first < units.rows; first += kSddmmTileM / units.unit) {
        std::vector<std::int64_t> rows(kSddmmTileM / units.unit);
        std::iota(rows.begin(), rows.end(), first);
        for (auto cols = next_columns(units, first); !cols.empty(); cols = next_columns(units, first)) {
            tiles.push_back(take_tile(units, rows, cols));
        }
    }
    return tiles;
}

/// Rows for a tile, and for t = 0, 1, ... the columns that more than t of them have left.
class RowSet {
public:
    RowSet(const Units& units, std::int64_t row) : units_(units) { add(row); }

    void add(std::int64_t row) {
        kept_ = kept_with(row);
        rows_.push_back(row);
        shared_.resize(rows_.size() * units_.words);
        for (std::size_t t = rows_.size() - 1; t > 0; --t) {
            for (std::int64_t w = 0; w < units_.words; ++w) {
                shared(t)[w] |= shared(t - 1)[w] & units_.left(row)[w];
            }
        }
        for (std::int64_t w = 0; w < units_.words; ++w) {
            shared(0)[w] |= units_.left(row)[w];
        }
    }

    [[nodiscard]] const std::vector<std::int64_t>& rows() const { return rows_; }

    /// The most units that a tile of these rows keeps.
    [[nodiscard]] int kept() const { return kept_; }

    /// The same with another row: of each t as many columns as a tile has.
    [[nodiscard]] int kept_with(std::int64_t row) const {
        const std::uint64_t* more = units_.left(row);
        int counts[SddmmTile::kMostRows] = {};
        for (std::int64_t w = 0; w < units_.words; ++w) {
            std::uint64_t joined = more[w];  // those columns of `more` that t of the rows have
            for (std::size_t t = 0; t < rows_.size(); ++t) {
                counts[t] += std::popcount(shared(t)[w] | joined);
                joined = shared(t)[w] & more[w];
            }
            counts[rows_.size()] += std::popcount(joined);
        }
        int kept = 0;
        for (const int count : counts) {
            kept += std::min(count, kSddmmTileN / units_.unit);
        }
        return kept;
    }

    /// Those that most of the rows have, as many as a tile has.
    [[nodiscard]] std::vector<std::int32_t> best_columns() const {
        std::vector<std::int32_t> cols;
        std::vector<std::uint64_t> rest(units_.words, ~std::uint64_t{0});
        for (std::size_t t = rows_.size(); t-- > 0;) {
            for (std::int64_t w = 0; w < units_.words; ++w) {
                for (std::uint64_t bits = shared(t)[w] & rest[w]; bits != 0; bits &= bits - 1) {
                    if (static_cast<int>(cols.size()) == kSddmmTileN / units_.unit) {
                        return cols;
                    }
                    cols.push_back(static_cast<std::int32_t>(w * 64 + std::countr_zero(bits)));
                }
                rest[w] &= ~shared(t)[w];
            }
        }
        return cols;
    }

private:
    std::uint64_t* shared(std::size_t t) { return shared_.data() + t * units_.words; }
    [[nodiscard]] const std::uint64_t* shared(std::size_t t) const {
        return shared_.data() + t * units_.words;
    }

    const Units& units_;
    std::vector<std::int64_t> rows_;
    std::vector<std::uint64_t> shared_;
    int kept_ = 0;
};

/// `row` and, one after the other, the rows in [first, last) that add the most to what the tile keeps.
RowSet best_rows(const Units& units, std::int64_t row, std::int64_t first, std::int64_t last) {
    RowSet set(units, row);
    while (static_cast<int>(set.rows().size()) < kSddmmTileM / units.unit) {
        std::int64_t best = -1;
        int best_kept = set.kept();
        for (std::int64_t other = first; other < last; ++other) {
            const int kept = set.kept_with(other);
            if (kept > best_kept && std::ranges::find(set.rows(), other) == set.rows().end()) {
                best = other;
                best_kept = kept;
            }
        }
        if (best < 0) {
            break;
        }
        set.add(best);
    }
    return set;
}

/// Tiles of the unit rows [first, last), the fullest first.
void add_tiles(Units& units, std::int64_t first, std::int64_t last, std::vector<SddmmTile>& tiles) {
    // What a tile that starts with a row kept when it was last looked at: less is left since then, so that only the row at the
    // top needs another look.
    std::priority_queue<std::pair<int, std::int64_t>> queue;
    for (std::int64_t row = first; row < last; ++row) {
        queue.emplace(kSddmmTileM / units.unit * kSddmmTileN / units.unit, -row);
    }
    while (!queue.empty()) {
        const std::int64_t row = -queue.top().second;
        queue.pop();
        const RowSet set = best_rows(units, row, first, last);
        if (set.kept() == 0) {
            continue;
        }
        if (queue.empty() || set.kept() >= queue.top().first) {
            tiles.push_back(take_tile(units, set.rows(), set.best_columns()));
        }
        queue.emplace(set.kept(), -row);
    }
}

}  // namespace

std::vector<SddmmTile> make_sddmm_tiles(const BsrView& a, const std::vector<std::int32_t>& crow,
                                        const std::vector<std::int32_t>& col) {
    Units units(a, crow, col);
    if (a.block_m >= kSddmmTileM) {
        return tiles_of_rows(units);
    }
    std::vector<SddmmTile> tiles;
    const std::int64_t group = kGroupRows / units.unit;
    for (std::int64_t first = 0; first < units.rows; first += group) {
        add_tiles(units, first, std::min(first + group, units.rows), tiles);
    }
    return tiles;
}

}  // namespace bsk
