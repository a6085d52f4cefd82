// CSR to BSR.
#include <algorithm>
#include <vector>

#include "base/check.h"
#include "base/element.h"
#include "format/matrix.h"
#include "format/validate.h"

namespace bsk {
namespace {

float entry_value(const CsrMatrix& csr, std::int64_t p) {
    return csr.values.empty() ? 1.0F : csr.values[static_cast<std::size_t>(p)];
}

/// One block row as sums in fp32, so that duplicates are added before they are rounded to the dtype.
struct BlockRow {
    std::vector<std::int32_t> cols;  ///< sorted block columns that hold an entry of nonzero value
    std::vector<float> sums;         ///< [cols.size(), block_m, block_k]
};

BlockRow sum_block_row(const CsrMatrix& csr, std::int64_t row, std::int64_t row_end, int block_m,
                       int block_k) {
    const auto block_col = [&](std::int64_t p) {
        return csr.col_indices[static_cast<std::size_t>(p)] / block_k;
    };
    const auto row_begin = [&](std::int64_t r) { return csr.crow_indices[static_cast<std::size_t>(r)]; };
    BlockRow result;
    for (std::int64_t p = row_begin(row); p < row_begin(row_end); ++p) {
        if (entry_value(csr, p) != 0.0F) {
            result.cols.push_back(block_col(p));
        }
    }
    std::sort(result.cols.begin(), result.cols.end());
    result.cols.erase(std::unique(result.cols.begin(), result.cols.end()), result.cols.end());
    result.sums.assign(result.cols.size() * static_cast<std::size_t>(block_m * block_k), 0.0F);
    for (std::int64_t r = row; r < row_end; ++r) {
        for (std::int64_t p = row_begin(r); p < row_begin(r + 1); ++p) {
            const float value = entry_value(csr, p);
            if (value == 0.0F) {
                continue;
            }
            const auto found = std::lower_bound(result.cols.begin(), result.cols.end(), block_col(p));
            const std::int64_t slot = found - result.cols.begin();
            const std::int64_t c = csr.col_indices[static_cast<std::size_t>(p)] % block_k;
            result.sums[static_cast<std::size_t>((slot * block_m + r - row) * block_k + c)] += value;
        }
    }
    return result;
}

/// Appends the blocks of `row` whose sums are not all zero.
template <class T>
void append_blocks(const BlockRow& row, BsrMatrix& a) {
    const auto block_size = static_cast<std::size_t>(a.block_m) * static_cast<std::size_t>(a.block_k);
    for (std::size_t slot = 0; slot < row.cols.size(); ++slot) {
        const float* sums = row.sums.data() + slot * block_size;
        if (std::all_of(sums, sums + block_size, [](float sum) { return sum == 0.0F; })) {
            continue;
        }
        a.col_indices.push_back(row.cols[slot]);
        const std::size_t bytes = a.values.size();
        a.values.resize(bytes + block_size * sizeof(T));
        std::transform(sums, sums + block_size, reinterpret_cast<T*>(a.values.data() + bytes),
                       [](float sum) { return static_cast<T>(sum); });
    }
}

}  // namespace

BsrMatrix bsr_from_csr(const CsrMatrix& csr, int block_m, int block_k, DType dtype) {
    BsrMatrix a = make_matrix(csr.m, csr.k, block_m, block_k, dtype);
    validate(csr);
    visit_dtype(dtype, [&]<class T>(ElementTag<T>) {
        for (std::size_t i = 0; i + 1 < a.crow_indices.size(); ++i) {
            const std::int64_t row = static_cast<std::int64_t>(i) * block_m;
            append_blocks<T>(sum_block_row(csr, row, std::min(row + block_m, csr.m), block_m, block_k), a);
            check_block_count(a.nnzb());
            a.crow_indices[i + 1] = static_cast<std::int32_t>(a.nnzb());
        }
    });
    return a;
}

}  // namespace bsk
