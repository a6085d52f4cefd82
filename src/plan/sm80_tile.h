// The tiles of C that spmm_sm80 is built for: the planner and the kernel's host launch agree on them.
#pragma once

#include <array>

namespace bsk {

struct Sm80Tile {
    int rows;
    int columns;

    friend bool operator==(const Sm80Tile&, const Sm80Tile&) = default;
};

/// By rows. The wider one loads less of A for what it computes, the narrower one leaves more CTAs where columns are few.
inline constexpr std::array kSm80Tiles{Sm80Tile{16, 256}, Sm80Tile{32, 256}, Sm80Tile{64, 128},
                                       Sm80Tile{64, 256}, Sm80Tile{128, 128}};

/// A tile lies inside one block row, and leaves none of its rows to narrower tiles: of the blocks' rows it takes all,
/// 128 or 64.
constexpr bool sm80_tile_fits(const Sm80Tile& tile, int block_m) {
    return block_m % tile.rows == 0 && (tile.rows == block_m || tile.rows >= 64);
}

}  // namespace bsk
