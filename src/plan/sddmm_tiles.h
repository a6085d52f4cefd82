// Tiles of the Hopper kernel of the sampled product: stored blocks, cut into units, that share loads of D1 and D2.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <bsk/bsr.h>

namespace bsk {

inline constexpr int kSddmmTileM = 128;  ///< rows of D1 and columns of D2 that a tile multiplies
inline constexpr int kSddmmTileN = 256;
inline constexpr int kSddmmMostUnit = 64;  ///< rows and columns of a unit
inline constexpr int kSddmmLeastUnit = 32;

/// Rows and columns of the units that blocks are cut into; kSddmmLeastUnit and more where the Hopper kernel takes them.
constexpr int sddmm_unit(int block_m, int block_k) {
    return std::min({kSddmmMostUnit, block_m, block_k});
}

/// kSddmmTileM / unit unit rows times kSddmmTileN / unit unit columns: the products of all are computed, those of stored
/// units kept. The arrays have room for the least unit.
struct SddmmTile {
    static constexpr int kMostRows = kSddmmTileM / kSddmmLeastUnit;
    static constexpr int kMostCols = kSddmmTileN / kSddmmLeastUnit;

    std::int32_t rows[kMostRows];  ///< unit rows of the pattern: rows unit*rows[i] ...
    std::int32_t cols[kMostCols];  ///< unit columns; rows and columns come again where there are fewer
    std::int32_t out[kMostRows][kMostCols];  ///< first row of the unit in the values, seen as
                                             ///< [nnzb*block_m, block_k]; -1: no unit is kept
};

/// Every unit of the pattern in one tile. Block rows of 128 and more fill the rows of a tile by themselves. Others are put
/// together, again and again, within groups of 4096 rows of D1: a row and those that then fill its tile best; of all tiles that
/// rows can start, that which keeps the most is taken first. On uniform random patterns of 8192 x 8192 at density 0.22 this
/// keeps 88 % of what is computed at blocks of 64 and 66 % at blocks of 32 (docs/worklog/training.md).
///
/// @param a     sizes; block sides are multiples of kSddmmLeastUnit; its pointers are not read
/// @param crow  crow_indices [block_rows + 1]
/// @param col   col_indices [nnzb]
[[nodiscard]] std::vector<SddmmTile> make_sddmm_tiles(const BsrView& a, const std::vector<std::int32_t>& crow,
                                                      const std::vector<std::int32_t>& col);

}  // namespace bsk
