// How spmm_skinny cuts C: the planner and the kernel's host launch agree on it.
#pragma once

#include <algorithm>
#include <cstdint>

#include <bsk/types.h>

namespace bsk {

inline constexpr int kSkinnyMostColumns = 128;  ///< of B that spmm_skinny takes

/// Up to so many columns it loads a B whose lines are not whole pieces of 16 bytes element by element; of more it gets a
/// copy.
inline constexpr int kSkinnyColumnsByElements = 8;

/// Whether B is one column without gaps: the same in both layouts, whatever the distance to the next.
constexpr bool is_plain_column(std::int64_t n, Layout b_layout, std::int64_t ldb) {
    return n == 1 && (b_layout == Layout::col_major || ldb == 1);
}

/// Rows and columns of C that a CTA computes, and the warps that share a row's blocks.
struct SkinnyTile {
    int rows;
    int columns;
    int warps;
};

/// The narrowest tile that holds n columns, up to 64; more rows of a block share what it loads of B where it has more
/// columns, so that B's part of what comes through L2 stays small (docs/worklog/skinny.md).
constexpr SkinnyTile skinny_tile(int block_m, std::int64_t n) {
    const int columns = n <= 8 ? 8 : n <= 16 ? 16 : n <= 32 ? 32 : 64;
    const int rows = std::min(block_m, columns == 8 ? 16 : columns == 64 ? 64 : 32);
    const bool has_few_warps = rows == 16 ? columns == 16 : columns == 64;
    return {rows, columns, has_few_warps ? 4 : 8};
}

}  // namespace bsk
