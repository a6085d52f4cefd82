// Dense to BSR and back.
#include <algorithm>

#include "base/check.h"
#include "base/element.h"
#include "base/lines.h"
#include "format/bits.h"
#include "format/indices.h"
#include "format/matrix.h"
#include "format/validate.h"

namespace bsk {
namespace {

/// Checks a ConstMatrixView or MatrixView.
template <class View>
void check_dense(const View& dense) {
    require(dense.device.type == DeviceType::cpu, ErrorCode::device_mismatch,
            "the dense matrix is on CUDA device {}; conversion works in host memory: copy it there first",
            dense.device.index);
    require(dense.rows >= 0 && dense.cols >= 0, ErrorCode::invalid_argument,
            "the dense matrix is {} x {}; sizes must not be negative", dense.rows, dense.cols);
    const std::int64_t tightest = lines_of(dense.layout, dense.rows, dense.cols).length;
    require(dense.ld >= tightest, ErrorCode::invalid_argument,
            "ld is {}; a {} x {} matrix in {} needs at least {}", dense.ld, dense.rows, dense.cols,
            name(dense.layout), tightest);
    require(dense.data != nullptr || dense.rows == 0 || dense.cols == 0, ErrorCode::invalid_argument,
            "data of the dense {} x {} matrix is null", dense.rows, dense.cols);
}

/// The part of a block that lies inside the m x k matrix: rows [row, row_end), columns [col, col_end).
struct Window {
    std::int64_t row, row_end, col, col_end;
};

Window block_window(std::int64_t m, std::int64_t k, int block_m, int block_k, std::int64_t i,
                    std::int64_t j) {
    return {i * block_m, std::min((i + 1) * block_m, m), j * block_k, std::min((j + 1) * block_k, k)};
}

template <class Bits>
bool holds_nonzero(const ConstMatrixView& dense, const Window& window) {
    const auto* data = static_cast<const Bits*>(dense.data);
    for (std::int64_t r = window.row; r < window.row_end; ++r) {
        for (std::int64_t c = window.col; c < window.col_end; ++c) {
            if (is_nonzero(data[dense_offset(dense.layout, dense.ld, r, c)])) {
                return true;
            }
        }
    }
    return false;
}

template <class Bits>
void find_blocks(const ConstMatrixView& dense, BsrMatrix& a) {
    const std::int64_t block_rows = ceil_div(a.m, a.block_m);
    const std::int64_t block_cols = ceil_div(a.k, a.block_k);
    for (std::int64_t i = 0; i < block_rows; ++i) {
        for (std::int64_t j = 0; j < block_cols; ++j) {
            if (holds_nonzero<Bits>(dense, block_window(a.m, a.k, a.block_m, a.block_k, i, j))) {
                a.col_indices.push_back(static_cast<std::int32_t>(j));
            }
        }
        check_block_count(a.nnzb());
        a.crow_indices[static_cast<std::size_t>(i + 1)] = static_cast<std::int32_t>(a.nnzb());
    }
}

/// Calls `visitor(value_offset, dense_offset)` for every stored element of block row i inside the matrix.
template <class Visitor>
void visit_block_row(const BsrView& a, const Indices& pattern, std::int64_t i, Layout layout, std::int64_t ld,
                     Visitor&& visitor) {
    const auto row = static_cast<std::size_t>(i);
    for (std::int64_t p = pattern.crow[row]; p < pattern.crow[row + 1]; ++p) {
        const std::int64_t j = pattern.cols[static_cast<std::size_t>(p)];
        const Window window = block_window(a.m, a.k, a.block_m, a.block_k, i, j);
        for (std::int64_t r = window.row; r < window.row_end; ++r) {
            const std::int64_t value_row = (p * a.block_m + r - window.row) * a.block_k;
            for (std::int64_t c = window.col; c < window.col_end; ++c) {
                visitor(value_row + c - window.col, dense_offset(layout, ld, r, c));
            }
        }
    }
}

}  // namespace

BsrMatrix bsr_from_dense(const ConstMatrixView& dense, int block_m, int block_k) {
    check_dense(dense);
    BsrMatrix a = make_matrix(dense.rows, dense.cols, block_m, block_k, dense.dtype);
    visit_bits(a.dtype, [&]<class Bits>(Bits) {
        find_blocks<Bits>(dense, a);
        allocate_values(a);
        const BsrView view = a.view();
        const Indices pattern = copy_indices(view);
        const auto* data = static_cast<const Bits*>(dense.data);
        auto* values = reinterpret_cast<Bits*>(a.values.data());
#pragma omp parallel for
        for (std::int64_t i = 0; i < view.block_rows(); ++i) {
            visit_block_row(view, pattern, i, dense.layout, dense.ld,
                            [&](std::int64_t value, std::int64_t element) { values[value] = data[element]; });
        }
    });
    return a;
}

void bsr_to_dense(const BsrView& a, const MatrixView& out) {
    validate_with_values(a);
    check_dense(out);
    require(out.rows == a.m && out.cols == a.k, ErrorCode::invalid_argument,
            "out is {} x {} but the BSR matrix is {} x {}; they must be equal", out.rows, out.cols, a.m, a.k);
    require(out.dtype == a.dtype, ErrorCode::dtype_mismatch,
            "out is {} but the BSR matrix is {}; conversion keeps the dtype", name(out.dtype), name(a.dtype));
    const Indices pattern = copy_indices(a);
    visit_bits(a.dtype, [&]<class Bits>(Bits) {
        const auto* values = static_cast<const Bits*>(a.values);
        auto* data = static_cast<Bits*>(out.data);
#pragma omp parallel for
        for (std::int64_t i = 0; i < a.block_rows(); ++i) {
            for (std::int64_t r = i * a.block_m; r < std::min((i + 1) * a.block_m, a.m); ++r) {
                for (std::int64_t c = 0; c < a.k; ++c) {
                    data[dense_offset(out.layout, out.ld, r, c)] = 0;
                }
            }
            visit_block_row(a, pattern, i, out.layout, out.ld,
                            [&](std::int64_t value, std::int64_t element) { data[element] = values[value]; });
        }
    });
}

}  // namespace bsk
