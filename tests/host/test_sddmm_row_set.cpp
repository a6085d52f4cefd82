// Rows that fill a tile of sddmm_sm90, beside their definition.
#include <algorithm>
#include <functional>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include <bsk/bsr.h>

#include "plan/sddmm_row_set.h"
#include "plan/sddmm_units.h"

namespace bsk::test {
namespace {

bool has(const Units& units, std::int64_t row, std::int64_t column) {
    return (units.left(row)[column / 64] >> (column % 64) & 1) != 0;
}

/// Units that a tile of these rows keeps with the columns that most of them have.
int kept_by(const Units& units, const std::vector<std::int64_t>& rows) {
    std::vector<int> kept_of_column;
    for (std::int64_t column = 0; column < units.words * 64; ++column) {
        kept_of_column.push_back(static_cast<int>(
            std::ranges::count_if(rows, [&](std::int64_t row) { return has(units, row, column); })));
    }
    std::ranges::sort(kept_of_column, std::greater<>());
    int kept = 0;
    for (int i = 0; i < units.tile_cols; ++i) {
        kept += kept_of_column[static_cast<std::size_t>(i)];
    }
    return kept;
}

/// The first of the rows that are not in the set with which a tile keeps the most; -1 where none adds anything.
std::int64_t best_by_definition(const Units& units, const UnitGroup& group,
                                const std::vector<std::int64_t>& rows) {
    std::int64_t best = -1;
    int best_kept = kept_by(units, rows);
    for (std::int64_t row = group.first; row < group.last; ++row) {
        std::vector<std::int64_t> more = rows;
        more.push_back(row);
        if (std::ranges::find(rows, row) == rows.end() && kept_by(units, more) > best_kept) {
            best = row;
            best_kept = kept_by(units, more);
        }
    }
    return best;
}

class RowSets : public ::testing::TestWithParam<std::tuple<int, double>> {};

/// Of two groups, the second of which is short, also when some units are in tiles already.
TEST_P(RowSets, TakeTheRowThatAddsTheMost) {
    const auto [block, density] = GetParam();
    const BsrMatrix a = generate(
        {.m = 4096 + 640, .k = 2080, .block_m = block, .block_k = block, .density = density, .seed = 5});
    Units units(a.view(), a.crow_indices, a.col_indices);
    for (const std::int64_t first : {0, kSddmmGroupRows / units.unit}) {
        UnitGroup group(units, first);
        for (std::int64_t start = group.first; start < group.last; start += 3) {
            RowSet set(units, start);
            while (static_cast<int>(set.rows().size()) < units.tile_rows) {
                EXPECT_EQ(set.kept(), kept_by(units, set.rows()));
                const std::int64_t row = set.best_addition(group);
                ASSERT_EQ(row, best_by_definition(units, group, set.rows())) << "from row " << start;
                if (row < 0) {
                    break;
                }
                set.add(row);
            }
            if (set.kept() > 0) {
                const std::vector<std::int32_t> cols = set.best_columns();
                units.take(set.rows(), cols);
                group.update(units, set.rows(), cols);
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Blocks, RowSets,
                         ::testing::Combine(::testing::Values(32, 64),
                                            ::testing::Values(0.01, 0.05, 0.22, 0.9)));

}  // namespace
}  // namespace bsk::test
