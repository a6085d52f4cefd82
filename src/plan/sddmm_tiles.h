// Tiles of the Hopper kernel of the sampled product: stored blocks, cut into units of 64 x 64, that share loads of D1
// and D2.
#pragma once

#include <cstdint>
#include <vector>

#include <bsk/bsr.h>

namespace bsk {

inline constexpr int kSddmmUnit = 64;  ///< rows and columns of a unit
inline constexpr int kSddmmTileRows = 2;
inline constexpr int kSddmmTileCols = 4;

/// Two unit rows times four unit columns: the products of all eight are computed, those of stored units kept.
struct SddmmTile {
    std::int32_t rows[kSddmmTileRows];                 ///< unit rows of the pattern: rows 64*rows[i] ...
    std::int32_t cols[kSddmmTileCols];                 ///< unit columns; some again where there are fewer
    std::int32_t out[kSddmmTileRows][kSddmmTileCols];  ///< first row of the unit in the values, seen as
                                                       ///< [nnzb*block_m, block_k]; -1: no unit is kept
};

/// Every unit of the pattern in one tile. Block rows of 128 and more fill both rows of a tile by themselves; block rows of
/// 64 are paired, again and again, with the row that has the most to share, within groups of 64 of them: first those tiles
/// that are full, then those that keep 7 units, 6, and so on. On a uniform random pattern of 128 x 128 blocks at density 0.22
/// this keeps 89 % of what is computed (docs/worklog/training.md).
///
/// @param a     sizes; block sides are multiples of 64; its pointers are not read
/// @param crow  crow_indices [block_rows + 1]
/// @param col   col_indices [nnzb]
[[nodiscard]] std::vector<SddmmTile> make_sddmm_tiles(const BsrView& a, const std::vector<std::int32_t>& crow,
                                                      const std::vector<std::int32_t>& col);

}  // namespace bsk
