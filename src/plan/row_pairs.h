// The order of work of spmm_sm90_pairs inside a tile of C: two block rows of 64 that share loads of B.
//
// A pair walks the union of the block columns that its rows store, so that a piece of B is loaded once for both where
// both store a block.
#pragma once

#include <cstdint>
#include <vector>

#include <bsk/bsr.h>

namespace bsk {

inline constexpr int kPairBlockRows = 64;  ///< block_m of the matrices whose rows are paired

struct RowPair {
    std::int32_t rows[2];         ///< block rows; of an odd number of them the last pair's second lies past m
    std::int32_t first_block[2];  ///< stored blocks of each, in the order of the steps
    std::int32_t blocks[2];
    std::int32_t first_step;
    std::int32_t steps;
};
static_assert(sizeof(RowPair) == 32, "the kernel reads it as two pieces of 16 bytes");

struct RowPairs {
    std::vector<RowPair> pairs;
    /// Block columns in ascending order within a pair: 4*column + 1 if its first row stores a block there + 2 if its
    /// second does.
    std::vector<std::int32_t> steps;
};

/// Pairs block rows within windows of 128 of them: those with the most block columns in common first, then by exchanging
/// partners between pairs as long as that saves steps. Very large patterns keep their order.
///
/// @param a     sizes of A, block_m = kPairBlockRows; its pointers are not read
/// @param crow  A's crow_indices [block_rows + 1]
/// @param col   A's col_indices [nnzb], sorted within a block row
[[nodiscard]] RowPairs make_row_pairs(const BsrView& a, const std::vector<std::int32_t>& crow,
                                      const std::vector<std::int32_t>& col);

/// For each step where in the values the block of the pair's first row lies and that of its second, or -1 [steps][2].
///
/// @param sources  where each stored block lies, in the order of the pairs' blocks [nnzb]
[[nodiscard]] std::vector<std::int32_t> step_sources(const RowPairs& pairs,
                                                     const std::vector<std::int32_t>& sources);

}  // namespace bsk
