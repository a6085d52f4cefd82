// C is computed in panels of columns. The threads convert a panel of B to fp32 together, once. Then each
// takes block rows: it converts a stored block to fp32, lets Eigen add its product with the panel to an fp32
// tile of C, and rounds that tile once, when the block row is done. Eigen itself stays on one thread inside a
// parallel region, so that an element's order of additions is fixed.
#include "kernels/cpu/spmm_cpu.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "base/element.h"
#include "kernels/cpu/submatrix.h"

namespace bsk {

namespace {

constexpr std::int64_t kPanelN = 512;  ///< columns of a panel: a stored block is converted once for so many

/// The forms that lose nothing to cancellation where x is negative.
float activated(Activation activation, float x) {
    switch (activation) {
        case Activation::none: break;
        case Activation::relu: return x < 0.0F ? 0.0F : x;  // NaN stays
        case Activation::gelu_tanh:
            return x / (1.0F + std::exp(-1.5957691216F * (x + 0.044715F * x * x * x)));
        case Activation::gelu_erf: return 0.5F * x * std::erfc(-0.707106781F * x);
        case Activation::silu: return x / (1.0F + std::exp(-x));
    }
    return x;
}

template <class T, class TC>
class Product {
public:
    Product(const BsrView& a, const std::int32_t* sources, const ConstMatrixView& b, const MatrixView& c,
            float alpha, float beta, const Epilogue& epilogue)
        : a_(a),
          sources_(sources),
          b_(b),
          c_(c),
          alpha_(alpha),
          beta_(beta),
          epilogue_(epilogue),
          panel_(static_cast<std::size_t>(padded_k() * std::min(c.cols, kPanelN))) {}

    void run() {
#pragma omp parallel
        {
            const std::int64_t tile_n = std::min(c_.cols, kPanelN);
            std::vector<float> scratch(static_cast<std::size_t>(a_.block_m * (a_.block_k + tile_n)));
            for (std::int64_t first = 0; first < c_.cols; first += kPanelN) {
                const std::int64_t cols = std::min(kPanelN, c_.cols - first);
#pragma omp for
                for (std::int64_t block_col = 0; block_col < a_.block_cols(); ++block_col) {
                    convert_b(first, cols, block_col * a_.block_k);
                }
#pragma omp for schedule(dynamic)
                for (std::int64_t block_row = 0; block_row < a_.block_rows(); ++block_row) {
                    compute_block_row(first, cols, block_row, scratch.data());
                }
            }
        }
    }

private:
    using Tile = Eigen::Map<RowMajor<float>>;

    [[nodiscard]] std::int64_t padded_k() const {
        return a_.block_cols() * a_.block_k;
    }

    /// Rows [row, row + block_k) of the panel of B.
    Tile panel_rows(std::int64_t row, std::int64_t cols) {
        return Tile(panel_.data() + row * cols, a_.block_k, cols);
    }

    /// Fills those rows from columns [first, first + cols) of B; what lies below B becomes zero.
    void convert_b(std::int64_t first, std::int64_t cols, std::int64_t row) {
        Tile target = panel_rows(row, cols);
        const std::int64_t rows = std::min<std::int64_t>(a_.block_k, b_.rows - row);
        target.topRows(rows) = submatrix<const T>(b_, row, first, rows, cols).template cast<float>();
        target.bottomRows(a_.block_k - rows).setZero();
    }

    /// Block i of A as fp32.
    void convert_block(Tile& block, const T* values, std::int32_t i) const {
        const std::int64_t size = block.size();
        if (sources_ == nullptr) {
            block = Eigen::Map<const RowMajor<T>>(values + i * size, a_.block_m, a_.block_k)
                        .template cast<float>();
        } else {
            block = Eigen::Map<const RowMajor<T>>(values + sources_[i] * size, a_.block_k, a_.block_m)
                        .transpose()
                        .template cast<float>();
        }
    }

    /// @param scratch  holds a stored block and a tile of C
    void compute_block_row(std::int64_t first, std::int64_t cols, std::int64_t block_row, float* scratch) {
        const auto* crow = static_cast<const std::int32_t*>(a_.crow_indices);
        const auto* col = static_cast<const std::int32_t*>(a_.col_indices);
        const std::int64_t block_size = std::int64_t{a_.block_m} * a_.block_k;
        Tile block(scratch, a_.block_m, a_.block_k);
        Tile sum(scratch + block_size, a_.block_m, cols);

        sum.setZero();
        for (std::int32_t i = crow[block_row]; i < crow[block_row + 1]; ++i) {
            convert_block(block, static_cast<const T*>(a_.values), i);
            sum.noalias() += block * panel_rows(std::int64_t{col[i]} * a_.block_k, cols);
        }

        const std::int64_t row = block_row * a_.block_m;
        const std::int64_t rows = std::min<std::int64_t>(a_.block_m, c_.rows - row);
        apply_epilogue(sum.topRows(rows), row, first);
        submatrix<TC>(c_, row, first, rows, cols) = sum.topRows(rows).template cast<TC>();
    }

    /// Turns sums of products, for C from (row, col) on, into elements of C.
    template <class Sums>
    void apply_epilogue(Sums&& x, std::int64_t row, std::int64_t col) const {
        x *= alpha_;
        if (beta_ != 0.0F) {
            x += beta_ *
                 submatrix<const TC>(epilogue_.residual, row, col, x.rows(), x.cols()).template cast<float>();
        }
        if (epilogue_.bias != nullptr) {
            using Vector = Eigen::Matrix<TC, Eigen::Dynamic, 1>;
            const auto* bias = static_cast<const TC*>(epilogue_.bias);
            if (epilogue_.bias_axis == BiasAxis::row) {
                x.colwise() += Eigen::Map<const Vector>(bias + row, x.rows()).template cast<float>();
            } else {
                x.rowwise() +=
                    Eigen::Map<const Vector>(bias + col, x.cols()).template cast<float>().transpose();
            }
        }
        if (epilogue_.activation != Activation::none) {
            x = x.unaryExpr([this](float value) { return activated(epilogue_.activation, value); });
        }
    }

    const BsrView a_;
    const std::int32_t* sources_;
    const ConstMatrixView b_;
    const MatrixView c_;
    const float alpha_;
    const float beta_;
    const Epilogue epilogue_;
    std::vector<float> panel_;  ///< of B: [padded_k, columns of the panel]
};

}  // namespace

void spmm_cpu(const BsrView& a, const std::int32_t* sources, const ConstMatrixView& b, const MatrixView& c,
              float alpha, float beta, const Epilogue& epilogue) {
    visit_dtype(a.dtype, [&]<class T>(ElementTag<T>) {
        visit_dtype(c.dtype, [&]<class TC>(ElementTag<TC>) {
            if constexpr (std::is_same_v<TC, T> || std::is_same_v<TC, float>) {
                Product<T, TC>(a, sources, b, c, alpha, beta, epilogue).run();
            }
        });
    });
}

}  // namespace bsk
