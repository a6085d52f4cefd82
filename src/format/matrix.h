// Making BSR matrices: checked sizes, and arrays that start as zeros.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <bsk/bsr.h>

namespace bsk {

/// @throws Error invalid_argument or too_large unless m x k in blocks of block_m x block_k can be a BSR
/// matrix.
void check_sizes(std::int64_t m, std::int64_t k, int block_m, int block_k);

/// @throws Error too_large where `nnzb` blocks cannot be counted in int32.
void check_block_count(std::int64_t nnzb);

/// An m x k matrix that stores no block yet: crow_indices is all zeros.
BsrMatrix make_matrix(std::int64_t m, std::int64_t k, int block_m, int block_k, DType dtype);

/// `bytes` zeros. @throws Error out_of_memory.
std::vector<std::byte> zero_bytes(std::int64_t bytes);

/// Gives every block of a.col_indices values of zero. @throws Error out_of_memory.
void allocate_values(BsrMatrix& a);

}  // namespace bsk
