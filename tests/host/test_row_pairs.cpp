// The pairs that spmm_sm90_pairs walks: every block row and every stored block once, in the order that its ring relies on.
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include <bsk/bsr.h>

#include "plan/row_pairs.h"

namespace bsk::test {
namespace {

struct Shape {
    std::int64_t m;
    std::int64_t k;
    int block_k;
    double density;
    Pattern pattern;
};

BsrMatrix matrix(const Shape& shape) {
    GenerateOptions options;
    options.m = shape.m;
    options.k = shape.k;
    options.block_m = kPairBlockRows;
    options.block_k = shape.block_k;
    options.density = shape.density;
    options.pattern = shape.pattern;
    return generate(options);
}

RowPairs pairs_of(const BsrMatrix& a) {
    return make_row_pairs(a.view(), a.crow_indices, a.col_indices);
}

class RowPairsOf : public ::testing::TestWithParam<Shape> {};

TEST_P(RowPairsOf, HoldEveryRowAndEveryBlockOnce) {
    const BsrMatrix a = matrix(GetParam());
    const auto rows = static_cast<std::int32_t>(a.crow_indices.size()) - 1;
    const RowPairs result = pairs_of(a);
    std::vector<std::int32_t> seen_rows;
    std::int32_t next_step = 0;
    std::int64_t blocks = 0;
    for (const RowPair& pair : result.pairs) {
        EXPECT_LT(pair.rows[0], pair.rows[1]);
        ASSERT_EQ(pair.first_step, next_step);
        std::int32_t found[2] = {};
        for (; next_step < pair.first_step + pair.steps; ++next_step) {
            const std::int32_t step = result.steps.at(static_cast<std::size_t>(next_step));
            EXPECT_NE(step % 4, 0) << "no row stores a block in step " << next_step;
            if (next_step > pair.first_step) {
                EXPECT_GT(step / 4, result.steps[static_cast<std::size_t>(next_step) - 1] / 4);
            }
            for (int row = 0; row < 2; ++row) {
                if ((step >> row & 1) != 0) {
                    const std::int32_t block = pair.first_block[row] + found[row]++;
                    ASSERT_LE(found[row], pair.blocks[row]);
                    EXPECT_EQ(a.col_indices[static_cast<std::size_t>(block)], step / 4);
                }
            }
        }
        for (int row = 0; row < 2; ++row) {
            EXPECT_EQ(found[row], pair.blocks[row]);
            blocks += found[row];
            if (pair.rows[row] < rows) {
                seen_rows.push_back(pair.rows[row]);
                EXPECT_EQ(pair.first_block[row], a.crow_indices[static_cast<std::size_t>(pair.rows[row])]);
            }
        }
    }
    EXPECT_EQ(static_cast<std::size_t>(next_step), result.steps.size());
    EXPECT_EQ(blocks, a.nnzb());
    std::sort(seen_rows.begin(), seen_rows.end());
    std::vector<std::int32_t> every_row(static_cast<std::size_t>(rows));
    std::iota(every_row.begin(), every_row.end(), 0);
    EXPECT_EQ(seen_rows, every_row);
}

/// The block of a pair's row in a block column, or -1.
std::int32_t block_at(const BsrMatrix& a, std::int32_t row, std::int32_t column) {
    const std::size_t next_row = static_cast<std::size_t>(row) + 1;
    if (next_row >= a.crow_indices.size()) {
        return -1;
    }
    const auto end = a.col_indices.begin() + a.crow_indices[next_row];
    const auto found = std::find(a.col_indices.begin() + a.crow_indices[next_row - 1], end, column);
    return found == end ? -1 : static_cast<std::int32_t>(found - a.col_indices.begin());
}

TEST_P(RowPairsOf, FindTheBlocksOfATransposedMatrix) {
    const BsrMatrix a = matrix(GetParam());
    const RowPairs result = pairs_of(a);
    std::vector<std::int32_t> sources(a.col_indices.size());  // any order
    std::iota(sources.rbegin(), sources.rend(), 0);
    const std::vector<std::int32_t> found = step_sources(result, sources);
    ASSERT_EQ(found.size(), 2 * result.steps.size());
    for (const RowPair& pair : result.pairs) {
        for (std::int32_t i = 0; i < 2 * pair.steps; ++i) {
            const auto at = static_cast<std::size_t>(2 * pair.first_step + i);
            const std::int32_t block = block_at(a, pair.rows[i % 2], result.steps[at / 2] / 4);
            ASSERT_EQ(found[at], block < 0 ? -1 : sources[static_cast<std::size_t>(block)]);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Shapes, RowPairsOf,
                         ::testing::Values(Shape{1024, 2048, 64, 0.22, Pattern::uniform},
                                           Shape{960, 2048, 64, 0.5, Pattern::uniform},
                                           Shape{1000, 700, 128, 0.3, Pattern::power_law},
                                           Shape{16384, 1024, 64, 0.1, Pattern::uniform},
                                           Shape{1024, 1024, 64, 0.25, Pattern::banded},
                                           Shape{1024, 1024, 64, 0, Pattern::causal},
                                           Shape{64, 64, 64, 1, Pattern::uniform},
                                           Shape{512, 512, 64, 0, Pattern::uniform},
                                           Shape{0, 512, 64, 0, Pattern::uniform}));

TEST(RowPairs, PutRowsTogetherThatStoreTheSameColumns) {
    // Rows i and i + 4 store the same: each pair needs as many steps as a row has blocks.
    BsrMatrix a = generate({.m = 8 * 64, .k = 8 * 64, .block_m = 64, .block_k = 64, .density = 0});
    a.crow_indices = {0, 2, 4, 6, 8, 10, 12, 14, 16};
    a.col_indices = {0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7};
    const RowPairs result = pairs_of(a);
    ASSERT_EQ(result.pairs.size(), 4U);
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(result.pairs[i].rows[0], static_cast<std::int32_t>(i));
        EXPECT_EQ(result.pairs[i].rows[1], static_cast<std::int32_t>(i) + 4);
    }
    EXPECT_EQ(result.steps.size(), 8U);
}

TEST(RowPairs, SaveLoadsOfUniformPatterns) {
    const BsrMatrix a = matrix({8192, 8192, 64, 0.22, Pattern::uniform});
    // Neighbouring rows would need 1 - 0.78^2 over 2*0.22, 0.89 steps a block.
    EXPECT_LT(static_cast<double>(pairs_of(a).steps.size()), 0.82 * static_cast<double>(a.nnzb()));
}

}  // namespace
}  // namespace bsk::test
