// Which unit rows fill a tile of sddmm_sm90 best.
#pragma once

#include <cstdint>
#include <vector>

#include "plan/sddmm_unit_rows.h"
#include "plan/sddmm_units.h"

namespace bsk {

/// Unit rows that share tiles only with each other, seen by column.
class UnitGroup {
public:
    UnitGroup(const Units& units, std::int64_t first_row);

    const std::int64_t first, last;  ///< unit rows [first, last) of the pattern

    /// Of the group's rows, counted from `first`: all, and those that have a column left.
    [[nodiscard]] const UnitRows& rows() const { return rows_; }
    [[nodiscard]] const UnitRows& with(std::int64_t column) const { return with_[column]; }

    /// How many columns each row has left, up to 2 * RowNumbers::kCap.
    [[nodiscard]] const RowNumbers& counts() const { return counts_; }

    /// Looks anew which of the columns these rows have left.
    void update(const Units& units, const std::vector<std::int64_t>& of_rows,
                const std::vector<std::int32_t>& cols);

private:
    void count(const Units& units, std::int64_t row);

    UnitRows rows_;
    std::vector<UnitRows> with_;
    RowNumbers counts_{0};
};

/// Rows for a tile, and for t = 0, 1, ... the columns that at least t of them have left.
class RowSet {
public:
    RowSet(const Units& units, std::int64_t row);

    void add(std::int64_t row);

    [[nodiscard]] const std::vector<std::int64_t>& rows() const { return rows_; }

    /// The most units that a tile of these rows keeps: for each t > 0 as many columns as a tile has.
    [[nodiscard]] int kept() const;

    /// The row that adds the most to what is kept, the first of several; -1 where none adds anything.
    [[nodiscard]] std::int64_t best_addition(const UnitGroup& group) const;

    /// The columns that most of the rows have, as many as a tile has.
    [[nodiscard]] std::vector<std::int32_t> best_columns() const;

private:
    [[nodiscard]] const std::uint64_t* at_least(std::size_t t) const {
        return at_least_.data() + t * units_.words;
    }
    [[nodiscard]] auto exactly(std::size_t t) const {
        return [this, t](std::int64_t word) { return at_least(t)[word] & ~at_least(t + 1)[word]; };
    }

    /// What a tile keeps of columns that at least t rows have, with any other row of the group and plus `spare`.
    [[nodiscard]] RowNumbers kept_with_any(const UnitGroup& group, std::size_t t, int spare) const;

    const Units& units_;
    std::vector<std::int64_t> rows_;
    std::vector<std::uint64_t> at_least_;  ///< [rows + 2, words]; of more than all rows: none
    std::vector<int> kept_;                ///< of each t
};

}  // namespace bsk
