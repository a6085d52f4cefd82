#include <algorithm>
#include <limits>

#include "base/check.h"
#include "format/bits.h"
#include "format/indices.h"
#include "format/validate.h"

namespace bsk {
namespace {

/// Nonzero share of the stored values.
double fill_of(const BsrView& a) {
    if (a.nnzb == 0) {
        return 0;
    }
    if (a.values == nullptr) {
        return std::numeric_limits<double>::quiet_NaN();
    }
    const std::int64_t count = a.nnzb * a.block_m * a.block_k;
    std::int64_t nonzeros = 0;
    visit_bits(a.dtype, [&]<class Bits>(Bits) {
        const auto* values = static_cast<const Bits*>(a.values);
#pragma omp parallel for reduction(+ : nonzeros)
        for (std::int64_t i = 0; i < count; ++i) {
            nonzeros += is_nonzero(values[i]) ? 1 : 0;
        }
    });
    return static_cast<double>(nonzeros) / static_cast<double>(count);
}

}  // namespace

BsrStatistics statistics(const BsrView& a) {
    validate(a);
    BsrStatistics result;
    result.fill = fill_of(a);
    const std::int64_t block_rows = a.block_rows();
    if (block_rows == 0) {
        return result;
    }
    const Indices pattern = copy_indices(a);
    result.min_row_blocks = a.nnzb;
    for (std::size_t i = 0; i + 1 < pattern.crow.size(); ++i) {
        const std::int64_t row_blocks = pattern.crow[i + 1] - pattern.crow[i];
        result.empty_block_rows += row_blocks == 0 ? 1 : 0;
        result.min_row_blocks = std::min(result.min_row_blocks, row_blocks);
        result.max_row_blocks = std::max(result.max_row_blocks, row_blocks);
    }
    if (a.nnzb > 0) {
        const auto stored = static_cast<double>(a.nnzb);
        result.density = stored / static_cast<double>(block_rows * a.block_cols());
        result.mean_row_blocks = stored / static_cast<double>(block_rows);
        result.imbalance = static_cast<double>(result.max_row_blocks) / result.mean_row_blocks;
    }
    return result;
}

}  // namespace bsk
