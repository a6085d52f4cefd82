// Which rows of A share loads of B in spmm_sm90_small: rows that store the same columns, or full rows with emptier ones.
#pragma once

#include <cstdint>
#include <vector>

#include <bsk/bsr.h>

namespace bsk {

inline constexpr int kGroupRows = 256;  ///< rows of A in a group
/// Rows that stay together: C is stored in chunks of as many rows.
inline constexpr int kGroupChunkRows = 64;
inline constexpr int kGroupChunks = kGroupRows / kGroupChunkRows;

/// [groups * kGroupChunks]: chunk i of a group holds rows 64*chunk ... of A; what the last group lacks lies
/// past m.
///
/// Greedy: the first chunk left takes those that are most like the group so far, by columns in common over
/// columns in all (Jaccard), out of the next 128, so that equal rows keep their order.
/// Very large patterns keep their order altogether.
///
/// @param a     sizes of A; its pointers are not read
/// @param crow  A's crow_indices [block_rows + 1]
/// @param col   A's col_indices [nnzb]
[[nodiscard]] std::vector<std::int32_t> make_row_groups(const BsrView& a,
                                                        const std::vector<std::int32_t>& crow,
                                                        const std::vector<std::int32_t>& col);

/// The same of groups with about as many stored blocks each: chunks go to groups to and fro, the fullest first. For few
/// tiles of C, where the fullest group of like rows would end last.
[[nodiscard]] std::vector<std::int32_t> make_even_groups(const BsrView& a,
                                                         const std::vector<std::int32_t>& crow);

}  // namespace bsk
