// Reading index arrays of either type as int32, the type used inside.
#pragma once

#include <cstdint>
#include <vector>

#include <bsk/bsr.h>

namespace bsk {

/// Calls `visitor` with `data` as a pointer to indices of its type.
template <class Visitor>
decltype(auto) visit_indices(const void* data, IndexType type, Visitor&& visitor) {
    if (type == IndexType::i64) {
        return visitor(static_cast<const std::int64_t*>(data));
    }
    return visitor(static_cast<const std::int32_t*>(data));
}

/// `count` indices as int32. @throws Error too_large where a value does not fit.
std::vector<std::int32_t> copy_indices(const void* data, IndexType type, std::int64_t count);

/// The pattern of a BSR matrix, as in BsrMatrix.
struct Indices {
    std::vector<std::int32_t> crow;  ///< [block_rows + 1]
    std::vector<std::int32_t> cols;  ///< [nnzb]
};

/// The most blocks that a block row stores; `crow` is [block_rows + 1].
std::int64_t longest_row(const std::vector<std::int32_t>& crow);

/// Copies the index arrays of a host view that validate() has accepted.
Indices copy_indices(const BsrView& a);

/// The sizes of A^T, without its arrays.
BsrView transposed_sizes(const BsrView& a);

/// The pattern of A^T, and where its blocks lie in A.
struct TransposedIndices {
    Indices indices;
    std::vector<std::int32_t> sources;  ///< [nnzb]: position in A of each block of A^T
};

/// @param block_cols  of A
TransposedIndices transpose_indices(const Indices& a, std::int64_t block_cols);

}  // namespace bsk
