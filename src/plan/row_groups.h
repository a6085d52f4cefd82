// Which rows of A work together in spmm_sm90_small. Rows that store the same columns make a band, which one wgmma multiplies,
// zeros where a row stores nothing; bands make a group, for which B is loaded once.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <bsk/bsr.h>

#include "plan/column_sets.h"

namespace bsk {

/// Bands of like rows: greedy, the first rows left and those most like the band so far, by columns in common over columns in
/// all (Jaccard), so that equal rows keep their order. Rows of a block stay together, up to a band. Very large patterns keep
/// their order altogether.
///
/// Groups are given as the unit rows (union_lists.h) in them, [groups * kGroupRows / unit]: entry i of a group is row
/// unit*entry of A. What the last group lacks lies past m.
class RowBands {
public:
    /// @param a     sizes of A; its pointers are not read
    /// @param crow  A's crow_indices [block_rows + 1]
    /// @param col   A's col_indices [nnzb]
    RowBands(const BsrView& a, const std::vector<std::int32_t>& crow, const std::vector<std::int32_t>& col);

    /// Groups of like bands, found as bands are.
    [[nodiscard]] std::vector<std::int32_t> like_groups() const;

    /// Groups with about as many stored blocks each: bands go to groups to and fro, the fullest first. For few tiles of C,
    /// where the fullest group of like rows would end last.
    [[nodiscard]] std::vector<std::int32_t> even_groups() const;

private:
    /// The unit rows of these bands; of what lies past the last band as well.
    [[nodiscard]] std::vector<std::int32_t> unit_rows(const std::vector<std::int32_t>& bands) const;

    int pieces_per_band_;                ///< a piece: rows that stay together
    int units_per_piece_;                ///< unit rows
    std::vector<std::int32_t> pieces_;   ///< [bands * pieces_per_band_]
    std::vector<std::int32_t> blocks_;   ///< [bands] stored blocks of their pieces
    std::optional<ColumnSets> columns_;  ///< of the bands; none of very large patterns
};

}  // namespace bsk
