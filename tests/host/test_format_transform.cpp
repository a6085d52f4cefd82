#include <cmath>
#include <limits>

#include "base/check.h"
#include "host/format_support.h"

namespace bsk::test {
namespace {

TEST(Transpose, MovesEveryElementForEveryBlockAndDType) {
    for (const int block_m : kSides) {
        for (const int block_k : kSides) {
            for (const DType dtype : kDTypes) {
                const BsrMatrix a = random_matrix(300, 521, block_m, block_k, dtype);
                const BsrMatrix t = transpose(a.view());
                ASSERT_NO_THROW(validate(t.view()));
                EXPECT_EQ(t.block_m, block_k);
                EXPECT_EQ(t.block_k, block_m);
                const Dense dense = to_dense(a);
                Dense expected = zeros(521, 300, dtype);
                for (std::int64_t i = 0; i < 300; ++i) {
                    for (std::int64_t j = 0; j < 521; ++j) {
                        expected.set(j, i, dense.get(i, j));
                    }
                }
                EXPECT_TRUE(to_dense(t).data == expected.data);
                expect_equal(transpose(t.view()), a);
            }
        }
    }
}

TEST(Transpose, KeepsStoredZeroBlocks) {
    BsrMatrix a = random_matrix(64, 64, 16, 16, DType::f16, 0.5);
    std::fill(a.values.begin(), a.values.end(), std::byte{0});
    EXPECT_EQ(transpose(a.view()).nnzb(), a.nnzb());
}

TEST(Transpose, Empty) {
    const BsrMatrix t = transpose(random_matrix(0, 100, 16, 64, DType::f16).view());
    EXPECT_EQ(t.m, 100);
    EXPECT_EQ(t.k, 0);
    EXPECT_EQ(t.crow_indices, (std::vector<std::int32_t>{0, 0, 0}));
}

TEST(Reblock, EqualsConversionFromDenseBetweenAllBlocks) {
    for (const int from_m : kSides) {
        for (const int from_k : kSides) {
            const BsrMatrix a = random_matrix(300, 521, from_m, from_k, DType::f16, 0.3);
            const Dense dense = to_dense(a);
            for (const int to_m : kSides) {
                for (const int to_k : kSides) {
                    SCOPED_TRACE(fmt::format("{} x {} to {} x {}", from_m, from_k, to_m, to_k));
                    expect_equal(reblock(a.view(), to_m, to_k), bsr_from_dense(dense.view(), to_m, to_k));
                }
            }
        }
    }
}

TEST(Reblock, EveryDTypeAndInt64Indices) {
    for (const DType dtype : kDTypes) {
        const BsrMatrix a = random_matrix(100, 90, 64, 32, dtype);
        const std::vector<std::int64_t> crow(a.crow_indices.begin(), a.crow_indices.end());
        const std::vector<std::int64_t> cols(a.col_indices.begin(), a.col_indices.end());
        BsrView view = a.view();
        view.index_type = IndexType::i64;
        view.crow_indices = crow.data();
        view.col_indices = cols.data();
        expect_equal(reblock(view, 16, 128), bsr_from_dense(to_dense(a).view(), 16, 128));
    }
}

TEST(Reblock, DropsBlocksOfZerosAndKeepsNan) {
    Dense dense = zeros(128, 128, DType::bf16);
    dense.set(100, 20, std::numeric_limits<float>::quiet_NaN());
    const BsrMatrix a = reblock(bsr_from_dense(dense.view(), 128, 128).view(), 16, 16);
    EXPECT_EQ(a.nnzb(), 1);
    EXPECT_TRUE(std::isnan(to_dense(a).get(100, 20)));
    BsrMatrix stored_zeros = random_matrix(64, 64, 16, 16, DType::f16, 1.0);
    std::fill(stored_zeros.values.begin(), stored_zeros.values.end(), std::byte{0});
    EXPECT_EQ(reblock(stored_zeros.view(), 16, 16).nnzb(), 0);
}

TEST(Transform, RefuseViewsWithoutValues) {
    const BsrMatrix a = random_matrix(64, 64, 16, 16, DType::f16);
    BsrView view = a.view();
    view.values = nullptr;
    expect_error(ErrorCode::invalid_argument, "values is null", [&] { (void)transpose(view); });
    expect_error(ErrorCode::invalid_argument, "values is null", [&] { (void)reblock(view, 32, 32); });
    expect_error(ErrorCode::invalid_argument, "block_m is 8", [&] { (void)reblock(a.view(), 8, 32); });
}

}  // namespace
}  // namespace bsk::test
