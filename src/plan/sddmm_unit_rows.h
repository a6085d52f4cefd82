// Sets of the unit rows that may share a tile of sddmm_sm90, and a small number for each of them.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>

#include "plan/sddmm_tiles.h"

namespace bsk {

/// Rows of D1 that share tiles only with each other: for the locality of what tiles read, and for the time of planning.
inline constexpr int kSddmmGroupRows = 4096;

/// Unit rows of a group.
using UnitRows = std::bitset<kSddmmGroupRows / kSddmmLeastUnit>;

/// @param rows  not none
[[nodiscard]] inline int first_of(const UnitRows& rows) {
    int first = 0;
    while (!rows[static_cast<std::size_t>(first)]) {
        ++first;
    }
    return first;
}

/// A number below 64 for each unit row of a group, so stored that all are counted at once: `bits_[p]` holds bit p of each.
class RowNumbers {
public:
    static constexpr int kCap = SddmmTile::kMostCols;

    explicit RowNumbers(int of_all) {
        for (std::size_t p = 0; p < bits_.size(); ++p) {
            if ((of_all >> p & 1) != 0) {
                bits_[p].set();
            }
        }
    }

    void set(std::size_t row, int number) {
        for (std::size_t p = 0; p < bits_.size(); ++p) {
            bits_[p].set(row, (number >> p & 1) != 0);
        }
    }

    /// One more for those of `rows` that are below kCap.
    void increment(UnitRows rows) {
        rows &= ~bits_[kCapBit];
        for (std::size_t p = 0; p <= kCapBit; ++p) {
            const UnitRows carry = bits_[p] & rows;
            bits_[p] ^= rows;
            rows = carry;
        }
    }

    /// One less for `rows`, none of whose numbers is 0.
    void decrement(UnitRows rows) {
        for (UnitRows& bits : bits_) {
            const UnitRows borrow = rows & ~bits;
            bits ^= rows;
            rows = borrow;
        }
    }

    void add(const RowNumbers& other) {
        UnitRows carry;
        for (std::size_t p = 0; p < bits_.size(); ++p) {
            const UnitRows differ = bits_[p] ^ other.bits_[p];
            const UnitRows both = bits_[p] & other.bits_[p];
            bits_[p] = differ ^ carry;
            carry = both | (differ & carry);
        }
    }

    /// kCap for those that are above it.
    void cap() {
        UnitRows at_least_cap;
        for (std::size_t p = kCapBit; p < bits_.size(); ++p) {
            at_least_cap |= bits_[p];
            bits_[p].reset();
        }
        for (std::size_t p = 0; p < kCapBit; ++p) {
            bits_[p] &= ~at_least_cap;
        }
        bits_[kCapBit] = at_least_cap;
    }

    /// The greatest number of `rows`, which are left to those that have it.
    [[nodiscard]] int greatest(UnitRows& rows) const {
        int number = 0;
        for (std::size_t p = bits_.size(); p-- > 0;) {
            const UnitRows higher = rows & bits_[p];
            if (higher.any()) {
                rows = higher;
                number |= 1 << p;
            }
        }
        return number;
    }

private:
    static constexpr std::size_t kCapBit = 3;
    static_assert(1 << kCapBit == kCap);

    std::array<UnitRows, 6> bits_;
};

}  // namespace bsk
