#include "plan/sddmm_units.h"

#include <algorithm>
#include <cstddef>

#include "base/math.h"

namespace bsk {

Units::Units(const BsrView& a, const std::vector<std::int32_t>& crow, const std::vector<std::int32_t>& col)
    : unit(sddmm_unit(a.block_m, a.block_k)),
      tile_rows(kSddmmTileM / unit),
      tile_cols(kSddmmTileN / unit),
      rows(a.block_rows() * (a.block_m / unit)),
      words(ceil_div(a.block_cols() * (a.block_k / unit), 64)),
      a_(a),
      crow_(crow),
      col_(col),
      left_(static_cast<std::size_t>(rows * words)) {
    const int rows_of_block = a.block_m / unit;
    const int cols_of_block = a.block_k / unit;
    for (std::int64_t row = 0; row < rows; ++row) {
        for (std::int32_t p = crow[row / rows_of_block]; p < crow[row / rows_of_block + 1]; ++p) {
            for (std::int64_t c = 0; c < cols_of_block; ++c) {
                const std::int64_t column = std::int64_t{col[p]} * cols_of_block + c;
                word_of(row, column) |= std::uint64_t{1} << (column % 64);
            }
        }
    }
}

SddmmTile Units::take(const std::vector<std::int64_t>& of_rows, const std::vector<std::int32_t>& cols) {
    SddmmTile tile{};
    for (int j = 0; j < tile_cols; ++j) {
        const bool has_column = j < static_cast<int>(cols.size());
        tile.cols[j] = has_column ? cols[static_cast<std::size_t>(j)] : cols.front();
        for (int i = 0; i < tile_rows; ++i) {
            const bool has_row = i < static_cast<int>(of_rows.size());
            const std::int64_t row = has_row ? of_rows[static_cast<std::size_t>(i)] : of_rows.front();
            tile.rows[i] = static_cast<std::int32_t>(row);
            tile.out[i][j] = has_row && has_column ? take(row, tile.cols[j]) : -1;
        }
    }
    return tile;
}

std::int32_t Units::take(std::int64_t row, std::int32_t column) {
    const std::uint64_t bit = std::uint64_t{1} << (column % 64);
    if ((word_of(row, column) & bit) == 0) {
        return -1;
    }
    word_of(row, column) &= ~bit;
    const std::int64_t first_row = row * unit;
    const auto begin = col_.begin() + crow_[first_row / a_.block_m];
    const auto end = col_.begin() + crow_[first_row / a_.block_m + 1];
    const auto block = std::lower_bound(begin, end, column * unit / a_.block_k) - col_.begin();
    return static_cast<std::int32_t>(block * a_.block_m + first_row % a_.block_m);
}

}  // namespace bsk
