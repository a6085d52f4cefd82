#include "format/indices.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "base/check.h"

namespace bsk {

std::vector<std::int32_t> copy_indices(const void* data, IndexType type, std::int64_t count) {
    return visit_indices(data, type, [&](const auto* indices) {
        std::vector<std::int32_t> copy(static_cast<std::size_t>(count));
        for (std::int64_t i = 0; i < count; ++i) {
            const std::int64_t index = indices[i];
            require(index >= std::numeric_limits<std::int32_t>::min() && index <= kInt32Max,
                    ErrorCode::too_large, "index {} at position {} does not fit int32", index, i);
            copy[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(index);
        }
        return copy;
    });
}

std::int64_t longest_row(const std::vector<std::int32_t>& crow) {
    std::int64_t longest = 0;
    for (std::size_t row = 0; row + 1 < crow.size(); ++row) {
        longest = std::max<std::int64_t>(longest, crow[row + 1] - crow[row]);
    }
    return longest;
}

Indices copy_indices(const BsrView& a) {
    return {copy_indices(a.crow_indices, a.index_type, a.block_rows() + 1),
            copy_indices(a.col_indices, a.index_type, a.nnzb)};
}

BsrView transposed_sizes(const BsrView& a) {
    BsrView t = a;
    std::swap(t.m, t.k);
    std::swap(t.block_m, t.block_k);
    t.crow_indices = nullptr;
    t.col_indices = nullptr;
    t.values = nullptr;
    return t;
}

TransposedIndices transpose_indices(const Indices& a, std::int64_t block_cols) {
    TransposedIndices t;
    std::vector<std::int32_t>& crow = t.indices.crow;
    crow.assign(static_cast<std::size_t>(block_cols) + 1, 0);
    for (const std::int32_t j : a.cols) {
        ++crow[static_cast<std::size_t>(j) + 1];
    }
    std::partial_sum(crow.begin(), crow.end(), crow.begin());
    std::vector<std::int32_t> next(crow.begin(), crow.end() - 1);
    t.indices.cols.resize(a.cols.size());
    t.sources.resize(a.cols.size());
    for (std::size_t i = 0; i + 1 < a.crow.size(); ++i) {
        for (std::int32_t p = a.crow[i]; p < a.crow[i + 1]; ++p) {
            const auto j = static_cast<std::size_t>(a.cols[static_cast<std::size_t>(p)]);
            const auto target = static_cast<std::size_t>(next[j]++);
            t.indices.cols[target] = static_cast<std::int32_t>(i);
            t.sources[target] = p;
        }
    }
    return t;
}

}  // namespace bsk
