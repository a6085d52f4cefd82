// Each thread takes stored blocks: it converts the block's rows of D1 and columns of D2 to fp32, panel by panel along n,
// lets Eigen add up the products of the panels, and rounds the sums once. What lies outside D1 and D2 counts as zeros.
#include "kernels/cpu/sddmm_cpu.h"

#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <vector>

#include "base/element.h"
#include "kernels/cpu/submatrix.h"

namespace bsk {

namespace {

constexpr std::int64_t kPanel = 256;  ///< of n: three fp32 blocks of it stay in cache

/// The block row of each stored block.
std::vector<std::int32_t> rows_of_blocks(const BsrView& a) {
    const auto* crow = static_cast<const std::int32_t*>(a.crow_indices);
    std::vector<std::int32_t> rows(static_cast<std::size_t>(a.nnzb));
    for (std::int64_t row = 0; row < a.block_rows(); ++row) {
        std::fill(rows.begin() + crow[row], rows.begin() + crow[row + 1], static_cast<std::int32_t>(row));
    }
    return rows;
}

/// Fills `panel` with the elements of `x` from (row, col) on as fp32, and zeros where x has none.
template <class T>
void convert(RowMajor<float>& panel, const ConstMatrixView& x, std::int64_t row, std::int64_t col) {
    const std::int64_t rows = std::min<std::int64_t>(panel.rows(), x.rows - row);
    const std::int64_t cols = std::min<std::int64_t>(panel.cols(), x.cols - col);
    panel.setZero();
    panel.topLeftCorner(rows, cols) = submatrix<const T>(x, row, col, rows, cols).template cast<float>();
}

template <class T, class TV>
void sample(const BsrView& a, const ConstMatrixView& d1, const ConstMatrixView& d2, TV* values, float alpha,
            float beta) {
    const auto* cols = static_cast<const std::int32_t*>(a.col_indices);
    const std::vector<std::int32_t> rows = rows_of_blocks(a);
#pragma omp parallel
    {
        RowMajor<float> left(a.block_m, kPanel);
        RowMajor<float> right(kPanel, a.block_k);
        RowMajor<float> sum(a.block_m, a.block_k);
#pragma omp for
        for (std::int64_t block = 0; block < a.nnzb; ++block) {
            sum.setZero();
            for (std::int64_t first = 0; first < d1.cols; first += kPanel) {
                convert<T>(left, d1, std::int64_t{rows[static_cast<std::size_t>(block)]} * a.block_m, first);
                convert<T>(right, d2, first, std::int64_t{cols[block]} * a.block_k);
                sum.noalias() += left * right;
            }
            Eigen::Map<RowMajor<TV>> out(values + block * sum.size(), a.block_m, a.block_k);
            sum *= alpha;
            if (beta != 0.0F) {
                sum += beta * out.template cast<float>();
            }
            out = sum.template cast<TV>();
        }
    }
}

}  // namespace

void sddmm_cpu(const BsrView& a, const ConstMatrixView& d1, const ConstMatrixView& d2, DType values_dtype,
               void* values, float alpha, float beta) {
    visit_dtype(a.dtype, [&]<class T>(ElementTag<T>) {
        visit_dtype(values_dtype, [&]<class TV>(ElementTag<TV>) {
            if constexpr (std::is_same_v<TV, T> || std::is_same_v<TV, float>) {
                sample<T>(a, d1, d2, static_cast<TV*>(values), alpha, beta);
            }
        });
    });
}

}  // namespace bsk
