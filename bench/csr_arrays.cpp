#include "bench/csr_arrays.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace bsk::bench {

CsrArrays expand_to_csr(const BsrMatrix& a) {
    const std::int64_t most = a.nnzb() * a.block_m * a.block_k;
    require(most <= kInt32Max, ErrorCode::too_large,
            "{} stored elements pass int32, the index type of this CSR.", most);
    const auto element = static_cast<std::size_t>(size_of(a.dtype));
    CsrArrays csr;
    csr.crow_indices.reserve(static_cast<std::size_t>(a.m) + 1);
    csr.crow_indices.push_back(0);
    csr.col_indices.reserve(static_cast<std::size_t>(most));
    csr.values.reserve(a.values.size());
    for (std::int64_t row = 0; row < a.m; ++row) {
        const auto block_row = static_cast<std::size_t>(row / a.block_m);
        for (std::int64_t block = a.crow_indices[block_row]; block < a.crow_indices[block_row + 1]; ++block) {
            const std::int64_t first =
                std::int64_t{a.col_indices[static_cast<std::size_t>(block)]} * a.block_k;
            const std::int64_t count = std::min<std::int64_t>(a.block_k, a.k - first);
            const std::byte* values =
                a.values.data() +
                static_cast<std::size_t>((block * a.block_m + row % a.block_m) * a.block_k) * element;
            csr.values.insert(csr.values.end(), values, values + static_cast<std::size_t>(count) * element);
            csr.col_indices.resize(csr.col_indices.size() + static_cast<std::size_t>(count));
            std::iota(csr.col_indices.end() - count, csr.col_indices.end(), static_cast<std::int32_t>(first));
        }
        csr.crow_indices.push_back(static_cast<std::int32_t>(csr.col_indices.size()));
    }
    return csr;
}

}  // namespace bsk::bench
