// The stored blocks of a pattern, cut into the units that tiles of sddmm_sm90 are made of.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include <bsk/bsr.h>

#include "plan/sddmm_tiles.h"

namespace bsk {

/// The units of a pattern that are in no tile yet, as bits of its rows, and where each is stored.
class Units {
public:
    Units(const BsrView& a, const std::vector<std::int32_t>& crow, const std::vector<std::int32_t>& col);

    const int unit;
    const int tile_rows;  ///< unit rows and columns of a tile
    const int tile_cols;
    const std::int64_t rows;
    const std::int64_t words;  ///< of a row's bits

    /// The units of a row that are left.
    [[nodiscard]] const std::uint64_t* left(std::int64_t row) const { return left_.data() + row * words; }

    /// A tile of the units of `of_rows` at `cols`, both of which may be fewer than a tile has. They are not left then.
    SddmmTile take(const std::vector<std::int64_t>& of_rows, const std::vector<std::int32_t>& cols);

private:
    std::uint64_t& word_of(std::int64_t row, std::int64_t column) { return left_[row * words + column / 64]; }

    /// Where the unit is stored, SddmmTile::out, or -1 where none is left; it is not left then.
    std::int32_t take(std::int64_t row, std::int32_t column);

    const BsrView& a_;
    const std::vector<std::int32_t>& crow_;
    const std::vector<std::int32_t>& col_;
    std::vector<std::uint64_t> left_;
};

/// Calls `visit` with the number of each bit that is set, from the lowest on. `word(w)` gives bits 64 * w and up.
template <typename Word, typename Visit>
void visit_bits(std::int64_t words, Word word, Visit visit) {
    for (std::int64_t w = 0; w < words; ++w) {
        for (std::uint64_t bits = word(w); bits != 0; bits &= bits - 1) {
            visit(w * 64 + std::countr_zero(bits));
        }
    }
}

/// As many of the bits as there are, up to `most`, added to `numbers`.
template <typename Word>
void append_bits(std::int64_t words, Word word, int most, std::vector<std::int32_t>& numbers) {
    for (std::int64_t w = 0; w < words; ++w) {
        for (std::uint64_t bits = word(w); bits != 0; bits &= bits - 1) {
            if (static_cast<int>(numbers.size()) == most) {
                return;
            }
            numbers.push_back(static_cast<std::int32_t>(w * 64 + std::countr_zero(bits)));
        }
    }
}

}  // namespace bsk
