// The lists that spmm_sm90_small walks: every unit once, in the order and within the sizes its ring relies
// on.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <bsk/bsr.h>
#include <bsk/device.h>
#include <bsk/plan.h>

#include "plan/planner.h"
#include "plan/row_groups.h"
#include "plan/union_lists.h"

namespace bsk::test {
namespace {

struct Shape {
    int block_m;
    int block_k;
    double density;
    Pattern pattern;
    std::int64_t m = 1000;
};

BsrMatrix matrix(const Shape& shape, std::int64_t k = 700) {
    GenerateOptions options;
    options.m = shape.m;
    options.k = k;
    options.block_m = shape.block_m;
    options.block_k = shape.block_k;
    options.density = shape.density;
    options.pattern = shape.pattern;
    return generate(options);
}

using Unit = std::tuple<std::int64_t, std::int64_t, std::int64_t>;  // unit row, unit column, index

/// What the arrays of A say of the unit rows that C has rows in, sorted.
std::vector<Unit> expected_units(const BsrMatrix& a, int unit) {
    const int rows = a.block_m / unit;
    const int columns = a.block_k / unit;
    std::vector<Unit> units;
    for (std::int64_t row = 0; row + 1 < static_cast<std::int64_t>(a.crow_indices.size()); ++row) {
        for (std::int64_t block = a.crow_indices[row]; block < a.crow_indices[row + 1]; ++block) {
            for (int i = 0; i < rows; ++i) {
                const bool in_c = (row * rows + i) * unit < a.m;
                for (int j = 0; in_c && j < columns; ++j) {
                    units.emplace_back(row * rows + i, a.col_indices[block] * columns + j,
                                       (block * rows + i) * columns + j);
                }
            }
        }
    }
    std::sort(units.begin(), units.end());
    return units;
}

/// Walks the lists as the kernel does, checking the sizes and the order of every stage.
std::vector<Unit> walked_units(const UnionLists& lists, int unit) {
    const int columns_per_step = kGroupStepK / unit;
    std::vector<Unit> units;
    for (std::size_t group = 0; group + 1 < lists.group_stages.size(); ++group) {
        std::int32_t previous_column = -1;
        for (int stage = lists.group_stages[group]; stage < lists.group_stages[group + 1]; ++stage) {
            std::int32_t next = lists.stage_units[stage];
            const UnionStep* steps = lists.steps.data() + std::ptrdiff_t{stage} * kGroupStageSteps;
            EXPECT_NE(steps[0].rows, 0U) << "stage " << stage << " starts with an empty step";
            for (int i = 0; i < kGroupStageSteps; ++i) {
                const bool filled_up = steps[i].rows == 0;
                EXPECT_TRUE(i == 0 || filled_up || steps[i - 1].rows != 0)
                    << "a step after an empty one in stage " << stage;
                EXPECT_TRUE(filled_up || steps[i].column > previous_column) << "stage " << stage;
                previous_column = filled_up ? previous_column : steps[i].column;
            }
            for (int row = 0; row < kGroupRows / unit; ++row) {
                for (int column = 0; column < kGroupStageSteps * columns_per_step; ++column) {
                    const UnionStep step = steps[column / columns_per_step];
                    const int part = column % columns_per_step;
                    if ((step.rows >> (16 * part + row) & 1) != 0) {
                        units.emplace_back(lists.group_rows[group * (kGroupRows / unit) + row],
                                           step.column * columns_per_step + part, lists.units[next++]);
                    }
                }
            }
            EXPECT_EQ(next, lists.stage_units[stage + 1]) << "stage " << stage;
            EXPECT_LE(next - lists.stage_units[stage], stage_units(unit));
        }
    }
    std::sort(units.begin(), units.end());
    return units;
}

/// Groups of like rows, and even ones.
std::vector<std::vector<std::int32_t>> groupings_of(const BsrMatrix& a) {
    const RowBands bands(a.view(), a.crow_indices, a.col_indices);
    return {bands.like_groups(), bands.even_groups()};
}

/// Of each grouping.
std::vector<UnionLists> lists_of(const BsrMatrix& a) {
    std::vector<UnionLists> lists;
    for (std::vector<std::int32_t> groups : groupings_of(a)) {
        lists.push_back(make_union_lists(a.view(), a.crow_indices, a.col_indices, std::move(groups)));
    }
    return lists;
}

class UnionListsOf : public ::testing::TestWithParam<Shape> {};

TEST_P(UnionListsOf, HoldEveryUnitOnce) {
    const BsrMatrix a = matrix(GetParam());
    const int unit = unit_of(a.block_m, a.block_k);
    for (const UnionLists& lists : lists_of(a)) {
        EXPECT_EQ(walked_units(lists, unit), expected_units(a, unit));
        EXPECT_EQ(lists.group_stages.size(),
                  static_cast<std::size_t>((a.m + kGroupRows - 1) / kGroupRows + 1));
        const std::size_t stages = lists.group_stages.back();
        EXPECT_EQ(lists.steps.size(), stages * kGroupStageSteps);
        EXPECT_EQ(lists.stage_units.size(), stages + 2);
        EXPECT_EQ(lists.stage_units.back(), static_cast<std::int64_t>(walked_units(lists, unit).size()));
        EXPECT_GE(lists.units.size(), static_cast<std::size_t>(lists.stage_units.back() + kMostStageUnits));
    }
}

TEST_P(UnionListsOf, CountTheirWork) {
    const BsrMatrix a = matrix(GetParam());
    const int unit = unit_of(a.block_m, a.block_k);
    for (const UnionLists& lists : lists_of(a)) {
        // Unit columns where a band of 64 rows stores anything.
        std::vector<std::int64_t> band_of_row(
            static_cast<std::size_t>(a.view().block_rows() * a.block_m / unit));
        for (std::size_t i = 0; i < lists.group_rows.size(); ++i) {
            if (std::int64_t{lists.group_rows[i]} * unit < a.m) {
                band_of_row[lists.group_rows[i]] = static_cast<std::int64_t>(i) * unit / kBandRows;
            }
        }
        std::set<std::pair<std::int64_t, std::int64_t>> products;
        for (const auto& [row, column, index] : expected_units(a, unit)) {
            products.emplace(band_of_row[row], column);
        }
        std::int64_t steps = 0;
        std::int64_t counted = 0;
        for (const GroupWork& work : group_work(lists, unit)) {
            EXPECT_LE(work.steps, work.units);
            steps += work.steps;
            counted += work.units;
        }
        EXPECT_EQ(counted, static_cast<std::int64_t>(products.size()));
        EXPECT_EQ(steps, std::count_if(lists.steps.begin(), lists.steps.end(),
                                       [](const UnionStep& step) { return step.rows != 0; }));
    }
}

INSTANTIATE_TEST_SUITE_P(
    Blocks, UnionListsOf,
    ::testing::Values(Shape{32, 32, 0.22, Pattern::uniform}, Shape{16, 16, 0.22, Pattern::uniform},
                      Shape{32, 32, 1.0, Pattern::uniform}, Shape{16, 16, 1.0, Pattern::uniform},
                      Shape{64, 32, 0.3, Pattern::uniform}, Shape{32, 128, 0.3, Pattern::uniform},
                      Shape{16, 64, 0.3, Pattern::uniform}, Shape{256, 16, 0.3, Pattern::uniform},
                      Shape{32, 32, 0.1, Pattern::power_law}, Shape{16, 16, 0.0, Pattern::uniform},
                      // The last blocks reach beyond the last chunk of 64 rows.
                      Shape{128, 32, 1.0, Pattern::uniform, 1040},
                      Shape{256, 16, 1.0, Pattern::uniform, 1088}),
    [](const auto& info) {
        return std::to_string(info.param.block_m) + "x" + std::to_string(info.param.block_k) + "_" +
               name(info.param.pattern) + "_" + std::to_string(static_cast<int>(100 * info.param.density)) +
               "_m_" + std::to_string(info.param.m);
    });

/// Sizes of A alone.
BsrView sizes_of(std::int64_t m, std::int64_t k, int block, std::int64_t nnzb = 0) {
    BsrView a;
    a.m = m;
    a.k = k;
    a.block_m = block;
    a.block_k = block;
    a.nnzb = nnzb;
    return a;
}

/// 0, 1, ... count - 1.
std::vector<std::int32_t> first_numbers(int count) {
    std::vector<std::int32_t> numbers(static_cast<std::size_t>(count));
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
}

TEST(UnionListsOfRows, ShareAColumn) {
    // Rows 0 and 2 store column 1, row 2 column 3 too; row 1 stores nothing.
    const std::vector<std::int32_t> crow{0, 1, 1, 3};
    const std::vector<std::int32_t> col{1, 1, 3};
    const UnionLists lists = make_union_lists(sizes_of(96, 128, 32, 3), crow, col, first_numbers(8));
    EXPECT_EQ(lists.group_stages, (std::vector<std::int32_t>{0, 1}));
    ASSERT_EQ(lists.steps.size(), static_cast<std::size_t>(kGroupStageSteps));
    EXPECT_EQ(lists.steps[0].column, 1);
    EXPECT_EQ(lists.steps[0].rows, 0b101U);
    EXPECT_EQ(lists.steps[1].column, 3);
    EXPECT_EQ(lists.steps[1].rows, 0b100U);
    EXPECT_EQ(std::vector<std::int32_t>(lists.units.begin(), lists.units.begin() + 3),
              (std::vector<std::int32_t>{0, 1, 2}));
}

TEST(UnionListsOfRows, PairColumnsOf16) {
    // Rows 0 and 2 store column 2, row 1 columns 0 and 3: steps of columns 0, 1 and of columns 2, 3.
    const std::vector<std::int32_t> crow{0, 1, 3, 4};
    const std::vector<std::int32_t> col{2, 0, 3, 2};
    const UnionLists lists = make_union_lists(sizes_of(48, 64, 16, 4), crow, col, first_numbers(16));
    EXPECT_EQ(lists.group_stages, (std::vector<std::int32_t>{0, 1}));
    ASSERT_EQ(lists.steps.size(), static_cast<std::size_t>(kGroupStageSteps));
    EXPECT_EQ(lists.steps[0].column, 0);
    EXPECT_EQ(lists.steps[0].rows, 0b010U);
    EXPECT_EQ(lists.steps[1].column, 1);
    EXPECT_EQ(lists.steps[1].rows, 0b101U | 0b010U << 16);
    EXPECT_EQ(lists.steps[2].rows, 0U);
    EXPECT_EQ(std::vector<std::int32_t>(lists.units.begin(), lists.units.begin() + 4),
              (std::vector<std::int32_t>{0, 1, 2, 3}));
}

TEST(RowBands, HoldEveryUnitRowOnceAndFillUpPastM) {
    const BsrMatrix a = matrix({32, 32, 0.2, Pattern::uniform, 1100});  // 35 rows of blocks, 40 places
    for (std::vector<std::int32_t> rows : groupings_of(a)) {
        ASSERT_EQ(rows.size(), 40U);
        std::sort(rows.begin(), rows.end());
        EXPECT_EQ(std::vector(rows.begin(), rows.begin() + 35), first_numbers(35));
        EXPECT_GE(rows[35], 35);
    }
}

/// The unit rows of these chunks of 64 rows of blocks of 64.
std::vector<std::int32_t> unit_rows(const std::vector<std::int32_t>& chunks) {
    std::vector<std::int32_t> rows;
    for (const std::int32_t chunk : chunks) {
        rows.insert(rows.end(), {2 * chunk, 2 * chunk + 1});
    }
    return rows;
}

TEST(RowBands, MakeEvenGroupsOfTheFullestAndTheEmptiest) {
    std::vector<std::int32_t> crow{0};  // rows of 1, 2, ... 16 blocks
    std::vector<std::int32_t> col;
    for (int row = 1; row <= 16; ++row) {
        for (int i = 0; i < row; ++i) {
            col.push_back(i);
        }
        crow.push_back(static_cast<std::int32_t>(col.size()));
    }
    EXPECT_EQ(RowBands(sizes_of(1024, 1024, 64), crow, col).even_groups(),
              unit_rows({15, 8, 7, 0, 14, 9, 6, 1, 13, 10, 5, 2, 12, 11, 4, 3}));
}

/// 8 rows of blocks that store columns 0-3 and 4-7 in turn.
struct RowsInTurn {
    std::vector<std::int32_t> crow{0};
    std::vector<std::int32_t> col;
    RowsInTurn() {
        for (int row = 0; row < 8; ++row) {
            for (int i = 0; i < 4; ++i) {
                col.push_back(row % 2 * 4 + i);
            }
            crow.push_back(static_cast<std::int32_t>(col.size()));
        }
    }
};

TEST(RowBands, GroupLikeRows) {
    const RowsInTurn pattern;
    EXPECT_EQ(RowBands(sizes_of(512, 512, 64), pattern.crow, pattern.col).like_groups(),
              unit_rows({0, 2, 4, 6, 1, 3, 5, 7}));
}

TEST(RowBands, ArePutTogetherFromLikeRowsOfSmallBlocks) {
    const RowsInTurn pattern;
    const RowBands of_32(sizes_of(256, 256, 32), pattern.crow, pattern.col);
    EXPECT_EQ(of_32.like_groups(), (std::vector<std::int32_t>{0, 2, 4, 6, 1, 3, 5, 7}));
    EXPECT_EQ(of_32.even_groups(), (std::vector<std::int32_t>{0, 2, 1, 3, 4, 6, 5, 7}));
    const RowBands of_16(sizes_of(128, 128, 16), pattern.crow, pattern.col);
    const std::vector<std::int32_t> rows = of_16.like_groups();
    EXPECT_EQ(std::vector(rows.begin(), rows.begin() + 8),
              (std::vector<std::int32_t>{0, 2, 4, 6, 1, 3, 5, 7}));
    EXPECT_GE(*std::min_element(rows.begin() + 8, rows.end()), 8);
}

TEST(RowBands, KeepTheOrderOfEqualRows) {
    const BsrMatrix a = matrix({32, 32, 1.0, Pattern::uniform, 1024});
    for (const std::vector<std::int32_t>& rows : groupings_of(a)) {
        std::vector<std::int32_t> in_groups = rows;
        std::sort(in_groups.begin(), in_groups.end());
        EXPECT_EQ(in_groups, first_numbers(32));
    }
    EXPECT_EQ(groupings_of(a)[0], first_numbers(32));
}

TEST(RowBands, OfVeryLargePatternsKeepTheirOrder) {
    // A million rows and columns: sets of 65537 rows x 65536 columns, 512 MiB, are not made.
    const BsrView a = sizes_of(1048577, 1048576, 16);
    const std::vector<std::int32_t> crow(static_cast<std::size_t>(a.block_rows()) + 1, 0);
    const std::vector<std::int32_t> rows = RowBands(a, crow, {}).like_groups();
    ASSERT_EQ(rows.size() % (kGroupRows / 16), 0U);
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(rows.size()); ++i) {
        EXPECT_TRUE(rows[i] == i || (i > 65536 && rows[i] > 65536)) << i;
    }
}

TEST(UnitOf, IsTheLargestThatDividesBothSides) {
    EXPECT_EQ(unit_of(32, 32), 32);
    EXPECT_EQ(unit_of(32, 128), 32);
    EXPECT_EQ(unit_of(64, 16), 16);
    EXPECT_EQ(unit_of(16, 16), 16);
}

std::string chosen(const Shape& shape, const char* device) {
    const BsrMatrix a = matrix(shape, 4096);
    SpmmProblem problem;
    problem.n = 4096;
    return name(plan_spmm(a.view(), a.crow_indices, a.col_indices, check_problem(a.view(), problem),
                          device_model_by_name(device), {})
                    .choice.kernel);
}

TEST(SmallBlocks, GoToTheirKernelOnHopperOnly) {
    if (!is_built(KernelId::spmm_sm90_small)) {
        GTEST_SKIP() << "this build has no Hopper kernels";
    }
    EXPECT_EQ(chosen({32, 32, 0.2, Pattern::uniform, 4096}, "h200"), "spmm_sm90_small");
    EXPECT_EQ(chosen({16, 64, 0.2, Pattern::uniform, 4096}, "h200"), "spmm_sm90_small");
    EXPECT_EQ(chosen({64, 64, 0.2, Pattern::uniform, 4096}, "h200"), "spmm_sm90_pairs");
    EXPECT_EQ(chosen({128, 128, 0.2, Pattern::uniform, 4096}, "h200"), "spmm_sm90");
    EXPECT_EQ(chosen({32, 32, 0.2, Pattern::uniform, 4096}, "a100"), "spmm_sm80");
}

}  // namespace
}  // namespace bsk::test
