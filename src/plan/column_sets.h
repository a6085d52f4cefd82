// Sets of block columns, and putting together those that are alike.
#pragma once

#include <cstdint>
#include <vector>

namespace bsk {

/// A bit for each block column, 64 to a word.
class ColumnSets {
public:
    ColumnSets(std::int64_t count, std::int64_t columns);

    /// Whether so many sets take up to 8 MiB, and what the plan does with them a tenth of a second. Rows of larger patterns keep
    /// their order.
    [[nodiscard]] static bool are_small(std::int64_t count, std::int64_t columns);

    [[nodiscard]] std::int32_t count() const { return static_cast<std::int32_t>(count_); }
    [[nodiscard]] std::int64_t words() const { return words_; }
    [[nodiscard]] std::uint64_t* set(std::int64_t number) { return bits_.data() + words_ * number; }
    [[nodiscard]] const std::uint64_t* set(std::int64_t number) const {
        return bits_.data() + words_ * number;
    }
    /// Adds the block columns that block row `row` stores, by A's crow_indices and col_indices.
    void add_row(std::int64_t number, const std::vector<std::int32_t>& crow,
                 const std::vector<std::int32_t>& col, std::int64_t row);

private:
    std::int64_t count_;
    std::int64_t words_;
    std::vector<std::uint64_t> bits_;
};

/// Block columns that both sets hold.
[[nodiscard]] int count_common(const ColumnSets& sets, std::int64_t x, std::int64_t y);

/// The sets' numbers in lots of `size`: greedy, the first set left and those most like the lot so far, by columns in common
/// over columns in all (Jaccard), the first of equals. What the last lot lacks is sets.count().
[[nodiscard]] std::vector<std::int32_t> gather_alike(const ColumnSets& sets, int size);

/// The unions of lots of `size` of these sets, as gather_alike() gives them.
[[nodiscard]] ColumnSets unions_of(const ColumnSets& sets, const std::vector<std::int32_t>& lots, int size);

}  // namespace bsk
