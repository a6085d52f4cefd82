// A BSR matrix written out element by element.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <bsk/bsr.h>

namespace bsk::bench {

/// CSR of every stored element within m x k, zeros included.
struct CsrArrays {
    std::vector<std::int32_t> crow_indices;  ///< [m + 1]
    std::vector<std::int32_t> col_indices;   ///< [nnz]
    std::vector<std::byte> values;           ///< [nnz] elements of A's dtype
};

/// @throws Error too_large where the stored elements pass int32.
[[nodiscard]] CsrArrays expand_to_csr(const BsrMatrix& a);

}  // namespace bsk::bench
