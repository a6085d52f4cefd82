#include <cmath>

#include "host/format_support.h"

namespace bsk::test {
namespace {

TEST(Statistics, CountsBlocksAndNonzeros) {
    Dense dense = zeros(40, 60, DType::f16);  // 3 x 4 blocks of 16 x 16
    dense.set(0, 0, 1);
    dense.set(1, 1, 2);
    dense.set(0, 59, 3);
    dense.set(39, 30, 4);
    const BsrMatrix a = bsr_from_dense(dense.view(), 16, 16);
    const BsrStatistics s = statistics(a.view());
    EXPECT_DOUBLE_EQ(s.density, 3.0 / 12);
    EXPECT_DOUBLE_EQ(s.fill, 4.0 / (3 * 256));
    EXPECT_EQ(s.empty_block_rows, 1);
    EXPECT_EQ(s.min_row_blocks, 0);
    EXPECT_EQ(s.max_row_blocks, 2);
    EXPECT_DOUBLE_EQ(s.mean_row_blocks, 1.0);
    EXPECT_DOUBLE_EQ(s.imbalance, 2.0);

    BsrView pattern = a.view();
    pattern.values = nullptr;
    EXPECT_TRUE(std::isnan(statistics(pattern).fill));
    EXPECT_EQ(statistics(pattern).max_row_blocks, 2);
}

TEST(Statistics, OfMatricesWithoutBlocks) {
    for (const auto& [m, k] : {std::pair{0, 64}, {64, 0}, {0, 0}, {64, 64}}) {
        const BsrStatistics s = statistics(random_matrix(m, k, 16, 16, DType::f32, 0.0).view());
        EXPECT_EQ(s.density, 0);
        EXPECT_EQ(s.fill, 0);
        EXPECT_EQ(s.mean_row_blocks, 0);
        EXPECT_EQ(s.imbalance, 0);
        EXPECT_EQ(s.min_row_blocks, 0);
        EXPECT_EQ(s.empty_block_rows, m / 16);
    }
}

}  // namespace
}  // namespace bsk::test
