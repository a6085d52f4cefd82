#include "plan/sddmm_tiles.h"

#include <numeric>
#include <queue>
#include <utility>

#include "plan/sddmm_row_set.h"
#include "plan/sddmm_units.h"

namespace bsk {

namespace {

/// Tiles of block rows that fill the rows of a tile: consecutive unit rows, all with the same columns.
std::vector<SddmmTile> tiles_of_rows(Units& units) {
    std::vector<SddmmTile> tiles;
    for (std::int64_t first = 0; first < units.rows; first += units.tile_rows) {
        std::vector<std::int64_t> rows(units.tile_rows);
        std::iota(rows.begin(), rows.end(), first);
        while (true) {
            std::vector<std::int32_t> cols;
            append_bits(
                units.words, [&](std::int64_t w) { return units.left(first)[w]; }, units.tile_cols, cols);
            if (cols.empty()) {
                break;
            }
            tiles.push_back(units.take(rows, cols));
        }
    }
    return tiles;
}

/// `row` and, one after the other, the rows of its group that add the most to what the tile keeps.
RowSet best_rows(const Units& units, const UnitGroup& group, std::int64_t row) {
    RowSet set(units, row);
    while (static_cast<int>(set.rows().size()) < units.tile_rows) {
        const std::int64_t next = set.best_addition(group);
        if (next < 0) {
            break;
        }
        set.add(next);
    }
    return set;
}

/// Tiles of a group, the fullest first.
void add_tiles(Units& units, UnitGroup group, std::vector<SddmmTile>& tiles) {
    // What a tile that starts with a row kept when it was last looked at: less is left since then, so that only the row at the
    // top needs another look.
    std::priority_queue<std::pair<int, std::int64_t>> queue;
    for (std::int64_t row = group.first; row < group.last; ++row) {
        queue.emplace(units.tile_rows * units.tile_cols, -row);
    }
    while (!queue.empty()) {
        const std::int64_t row = -queue.top().second;
        queue.pop();
        const RowSet set = best_rows(units, group, row);
        if (set.kept() == 0) {
            continue;
        }
        if (queue.empty() || set.kept() >= queue.top().first) {
            const std::vector<std::int32_t> cols = set.best_columns();
            tiles.push_back(units.take(set.rows(), cols));
            group.update(units, set.rows(), cols);
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
    for (std::int64_t first = 0; first < units.rows; first += kSddmmGroupRows / units.unit) {
        add_tiles(units, UnitGroup(units, first), tiles);
    }
    return tiles;
}

}  // namespace bsk
