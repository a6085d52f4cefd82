#include "format/validate.h"

#include "base/check.h"
#include "format/indices.h"
#include "format/matrix.h"

namespace bsk {
namespace {

[[noreturn]] void fail_column(std::int64_t block_row, std::int64_t column, std::int64_t previous,
                              std::int64_t block_cols) {
    require(column >= 0 && column < block_cols, ErrorCode::invalid_pattern,
            "col_indices holds {} in block row {}; the matrix has {} block columns, so it must be in [0, {})",
            column, block_row, block_cols, block_cols);
    require(column != previous, ErrorCode::invalid_pattern,
            "col_indices holds {} twice in block row {}; each block may be stored once", column, block_row);
    fail(ErrorCode::invalid_pattern,
         "col_indices holds {} after {} in block row {}; columns must be sorted within a block row", column,
         previous, block_row);
}

/// One pass over both arrays; a range of crow is checked against nnzb before its columns are read.
template <class Index>
void validate_pattern(const BsrView& a, const Index* crow, const Index* cols) {
    const std::int64_t block_rows = a.block_rows();
    const std::int64_t block_cols = a.block_cols();
    require(crow[0] == 0, ErrorCode::invalid_pattern, "crow_indices[0] is {}; block row 0 must start at 0",
            crow[0]);
    for (std::int64_t i = 0; i < block_rows; ++i) {
        const std::int64_t begin = crow[i];
        const std::int64_t end = crow[i + 1];
        require(begin <= end, ErrorCode::invalid_pattern,
                "crow_indices decreases from {} to {} at block row {}; it must never decrease", begin, end,
                i);
        require(end <= a.nnzb, ErrorCode::invalid_pattern,
                "crow_indices reaches {} at block row {} but nnzb is {}", end, i, a.nnzb);
        std::int64_t previous = -1;
        for (std::int64_t p = begin; p < end; ++p) {
            const std::int64_t column = cols[p];
            if (column <= previous || column >= block_cols) {
                fail_column(i, column, previous, block_cols);
            }
            previous = column;
        }
    }
    require(crow[block_rows] == a.nnzb, ErrorCode::invalid_pattern,
            "crow_indices ends at {} after {} block rows but nnzb is {}; they must be equal",
            crow[block_rows], block_rows, a.nnzb);
}

}  // namespace

void validate(const BsrView& a) {
    require(a.device.type == DeviceType::cpu, ErrorCode::device_mismatch,
            "the matrix is on CUDA device {}; this function reads host memory: copy it there first",
            a.device.index);
    check_sizes(a.m, a.k, a.block_m, a.block_k);
    require(a.nnzb >= 0, ErrorCode::invalid_argument, "nnzb is {}; it must not be negative", a.nnzb);
    check_block_count(a.nnzb);
    require(a.crow_indices != nullptr, ErrorCode::invalid_argument,
            "crow_indices is null; it must hold block_rows + 1 = {} indices", a.block_rows() + 1);
    require(a.col_indices != nullptr || a.nnzb == 0, ErrorCode::invalid_argument,
            "col_indices is null; it must hold nnzb = {} indices", a.nnzb);
    visit_indices(a.crow_indices, a.index_type, [&](const auto* crow) {
        validate_pattern(a, crow, static_cast<decltype(crow)>(a.col_indices));
    });
}

void validate_with_values(const BsrView& a) {
    validate(a);
    require(a.values != nullptr || a.nnzb == 0, ErrorCode::invalid_argument,
            "values is null; it must hold nnzb = {} blocks of {} x {}", a.nnzb, a.block_m, a.block_k);
}

void validate(const CsrMatrix& csr) {
    require(csr.m >= 0 && csr.k >= 0, ErrorCode::invalid_argument,
            "the CSR matrix is {} x {}; sizes must not be negative", csr.m, csr.k);
    const auto rows = static_cast<std::int64_t>(csr.crow_indices.size()) - 1;
    const auto entries = static_cast<std::int64_t>(csr.col_indices.size());
    const auto values = static_cast<std::int64_t>(csr.values.size());
    require(rows == csr.m, ErrorCode::invalid_pattern,
            "crow_indices of the CSR matrix describes {} rows but m is {}; it must hold m + 1 offsets", rows,
            csr.m);
    require(values == entries || values == 0, ErrorCode::invalid_pattern,
            "the CSR matrix has {} values for {} columns; give one for each, or none", values, entries);
    require(csr.crow_indices.front() == 0, ErrorCode::invalid_pattern,
            "crow_indices[0] of the CSR matrix is {}; row 0 must start at 0", csr.crow_indices.front());
    for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i) {
        const std::int64_t begin = csr.crow_indices[i];
        const std::int64_t end = csr.crow_indices[i + 1];
        require(
            begin <= end && end <= entries, ErrorCode::invalid_pattern,
            "crow_indices of the CSR matrix goes from {} to {} at row {}; it must never decrease nor pass "
            "the {} columns",
            begin, end, i, entries);
        for (std::int64_t p = begin; p < end; ++p) {
            const std::int32_t column = csr.col_indices[static_cast<std::size_t>(p)];
            require(column >= 0 && column < csr.k, ErrorCode::invalid_pattern,
                    "col_indices of the CSR matrix holds {} in row {}; it must be in [0, {})", column, i,
                    csr.k);
        }
    }
    require(csr.crow_indices.back() == entries, ErrorCode::invalid_pattern,
            "crow_indices of the CSR matrix ends at {} after {} rows; it has {} columns",
            csr.crow_indices.back(), rows, entries);
}

}  // namespace bsk
