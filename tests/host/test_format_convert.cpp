#include <limits>

#include "base/check.h"
#include "host/format_support.h"

namespace bsk::test {
namespace {

struct Size {
    std::int64_t m, k;
};
constexpr Size kSizes[] = {{512, 512}, {300, 513}, {1, 1}, {17, 255}, {0, 64}, {64, 0}, {0, 0}};

TEST(Convert, DenseRoundTripForEveryBlockDTypeAndSize) {
    for (const int block_m : kSides) {
        for (const int block_k : kSides) {
            for (const DType dtype : kDTypes) {
                for (const auto& [m, k] : kSizes) {
                    SCOPED_TRACE(fmt::format("{} x {} in {} x {} {}", m, k, block_m, block_k, name(dtype)));
                    const BsrMatrix a = random_matrix(m, k, block_m, block_k, dtype);
                    ASSERT_NO_THROW(validate(a.view()));
                    expect_equal(bsr_from_dense(to_dense(a).view(), block_m, block_k), a);
                }
            }
        }
    }
}

TEST(Convert, FindsExactlyTheBlocksWithANonzero) {
    for (const DType dtype : kDTypes) {
        Dense dense = zeros(40, 100, dtype);
        dense.set(0, 0, -0.0F);
        dense.set(15, 63, 1.0F);
        dense.set(39, 99, 6e-8F);
        dense.set(32, 0, std::numeric_limits<float>::quiet_NaN());
        const BsrMatrix a = bsr_from_dense(dense.view(), 16, 32);
        EXPECT_EQ(a.crow_indices, (std::vector<std::int32_t>{0, 1, 1, 3}));
        EXPECT_EQ(a.col_indices, (std::vector<std::int32_t>{1, 0, 3}));
    }
}

TEST(Convert, KeepsNanAndInfinity) {
    for (const DType dtype : kDTypes) {
        Dense dense = zeros(64, 64, dtype);
        dense.set(3, 5, std::numeric_limits<float>::quiet_NaN());
        dense.set(40, 50, -std::numeric_limits<float>::infinity());
        const Dense back = to_dense(bsr_from_dense(dense.view(), 32, 16));
        EXPECT_TRUE(back.data == dense.data);
    }
}

TEST(Convert, HonoursLayoutAndLeadingDimension) {
    const BsrMatrix a = random_matrix(50, 70, 16, 32, DType::f32);
    const Dense expected = to_dense(a);
    for (const Layout layout : {Layout::row_major, Layout::col_major}) {
        const std::int64_t outer = layout == Layout::row_major ? 50 : 70;
        const std::int64_t ld = 81;
        std::vector<float> data(static_cast<std::size_t>(outer * ld), 99.0F);
        bsr_to_dense(a.view(), {data.data(), DType::f32, 50, 70, layout, ld, {}});
        std::int64_t untouched = 0;
        for (const float value : data) {
            untouched += value == 99.0F ? 1 : 0;
        }
        EXPECT_EQ(untouched, outer * ld - 50 * 70);
        for (std::int64_t i = 0; i < 50; ++i) {
            for (std::int64_t j = 0; j < 70; ++j) {
                ASSERT_EQ(data[static_cast<std::size_t>(dense_offset(layout, ld, i, j))], expected.get(i, j));
            }
        }
        expect_equal(bsr_from_dense({data.data(), DType::f32, 50, 70, layout, ld, {}}, 16, 32), a);
    }
}

TEST(Convert, RefusesWrongDenseMatricesAndLeavesThemUntouched) {
    const BsrMatrix a = random_matrix(32, 48, 16, 16, DType::f32);
    std::vector<float> data(32 * 48, 5.0F);
    const MatrixView good{data.data(), DType::f32, 32, 48, Layout::row_major, 48, {}};
    const auto refused = [&](ErrorCode code, const std::string& fragment, auto&& change) {
        MatrixView out = good;
        change(out);
        expect_error(code, fragment, [&] { bsr_to_dense(a.view(), out); });
    };
    refused(ErrorCode::invalid_argument, "out is 31 x 48", [](MatrixView& v) { v.rows = 31; });
    refused(ErrorCode::invalid_argument, "ld is 47", [](MatrixView& v) { v.ld = 47; });
    refused(ErrorCode::invalid_argument, "data of the dense", [](MatrixView& v) { v.data = nullptr; });
    refused(ErrorCode::invalid_argument, "-1 x 48", [](MatrixView& v) { v.rows = -1; });
    refused(ErrorCode::dtype_mismatch, "out is float16", [](MatrixView& v) { v.dtype = DType::f16; });
    refused(ErrorCode::device_mismatch, "CUDA device 0",
            [](MatrixView& v) { v.device.type = DeviceType::cuda; });
    BsrView without_values = a.view();
    without_values.values = nullptr;
    expect_error(ErrorCode::invalid_argument, "values is null", [&] { bsr_to_dense(without_values, good); });
    EXPECT_EQ(data, std::vector<float>(32 * 48, 5.0F));
    expect_error(ErrorCode::invalid_argument, "block_k is 24", [&] {
        (void)bsr_from_dense({data.data(), DType::f32, 32, 48, Layout::row_major, 48, {}}, 16, 24);
    });
}

/// Every nonzero of a dense matrix, each row from right to left.
CsrMatrix csr_of(const Dense& dense) {
    CsrMatrix csr{dense.rows, dense.cols, {0}, {}, {}};
    for (std::int64_t i = 0; i < dense.rows; ++i) {
        for (std::int64_t j = dense.cols; j-- > 0;) {
            if (dense.get(i, j) != 0.0F) {
                csr.col_indices.push_back(static_cast<std::int32_t>(j));
                csr.values.push_back(dense.get(i, j));
            }
        }
        csr.crow_indices.push_back(static_cast<std::int64_t>(csr.col_indices.size()));
    }
    return csr;
}

TEST(ConvertCsr, EqualsTheConversionFromDense) {
    for (const int block_m : kSides) {
        for (const int block_k : kSides) {
            for (const DType dtype : kDTypes) {
                for (const auto& [m, k] : kSizes) {
                    const Dense dense = to_dense(random_matrix(m, k, 16, 16, dtype, 0.05));
                    const BsrMatrix expected = bsr_from_dense(dense.view(), block_m, block_k);
                    expect_equal(bsr_from_csr(csr_of(dense), block_m, block_k, dtype), expected);
                }
            }
        }
    }
}

TEST(ConvertCsr, SumsDuplicatesBeforeRoundingAndDropsZeros) {
    // fp16 has no 2049, so 2048 + 1 + 1 is right only when it is rounded once.
    const CsrMatrix csr{20,
                        64,
                        {0, 3, 4, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 7},
                        {5, 5, 5, 20, 40, 40, 63},
                        {2048, 1, 1, 0, 3, -3, 7}};
    const BsrMatrix a = bsr_from_csr(csr, 16, 16, DType::f16);
    EXPECT_EQ(a.crow_indices, (std::vector<std::int32_t>{0, 1, 2}));
    EXPECT_EQ(a.col_indices, (std::vector<std::int32_t>{0, 3}));
    EXPECT_EQ(to_dense(a).get(0, 5), 2050.0F);
    EXPECT_EQ(to_dense(a).get(19, 63), 7.0F);
}

TEST(ConvertCsr, PatternCountsAsOnes) {
    const CsrMatrix csr{2, 40, {0, 1, 2}, {0, 39}, {}};
    const Dense dense = to_dense(bsr_from_csr(csr, 16, 16, DType::bf16));
    EXPECT_EQ(dense.get(0, 0), 1.0F);
    EXPECT_EQ(dense.get(1, 39), 1.0F);
    EXPECT_EQ(dense.get(1, 0), 0.0F);
}

TEST(ConvertCsr, RefusesMalformedMatrices) {
    const CsrMatrix good{2, 10, {0, 1, 3}, {4, 0, 9}, {1, 2, 3}};
    const auto refused = [&](ErrorCode code, const std::string& fragment, auto&& change) {
        CsrMatrix csr = good;
        change(csr);
        expect_error(code, fragment, [&] { (void)bsr_from_csr(csr, 16, 16, DType::f32); });
    };
    EXPECT_NO_THROW((void)bsr_from_csr(good, 16, 16, DType::f32));
    constexpr auto kCode = ErrorCode::invalid_pattern;
    refused(ErrorCode::invalid_argument, "m is -2", [](CsrMatrix& c) { c.m = -2; });
    refused(ErrorCode::too_large, "k is 2147483648", [](CsrMatrix& c) { c.k = 1LL << 31; });
    refused(kCode, "describes 2 rows but m is 3", [](CsrMatrix& c) { c.m = 3; });
    refused(kCode, "crow_indices[0]", [](CsrMatrix& c) { c.crow_indices[0] = 1; });
    refused(kCode, "from 0 to -1 at row 0", [](CsrMatrix& c) { c.crow_indices[1] = -1; });
    refused(kCode, "from 3 to 2 at row 1",
            [](CsrMatrix& c) { c.crow_indices[1] = 3, c.crow_indices[2] = 2; });
    refused(kCode, "from 0 to 9 at row 0", [](CsrMatrix& c) { c.crow_indices[1] = 9; });
    refused(kCode, "ends at 2", [](CsrMatrix& c) { c.crow_indices[2] = 2; });
    refused(kCode, "holds 10 in row 1", [](CsrMatrix& c) { c.col_indices[2] = 10; });
    refused(kCode, "holds -1 in row 0", [](CsrMatrix& c) { c.col_indices[0] = -1; });
    refused(kCode, "2 values for 3 columns", [](CsrMatrix& c) { c.values.pop_back(); });
    refused(kCode, "crow_indices", [](CsrMatrix& c) { c.crow_indices.clear(); });
}

}  // namespace
}  // namespace bsk::test
