#include "plan/union_lists.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/math.h"

namespace bsk {

namespace {

/// Appends stages of one group after another.
class Writer {
public:
    Writer(UnionLists& lists, int unit) : lists_(lists), units_per_stage_(stage_units(unit)) {}

    /// Opens a stage if the step or its `units` do not fit the last one. The units lie from `first` on.
    void add_step(UnionStep step, int units, std::int32_t first) {
        if (free_steps_ == 0 || units > free_units_) {
            close_stage();
            free_steps_ = kGroupStageSteps;
            free_units_ = units_per_stage_;
            lists_.stage_units.push_back(first);
        }
        --free_steps_;
        free_units_ -= units;
        lists_.steps.push_back(step);
    }

    /// The stage that was opened last.
    [[nodiscard]] std::size_t stage() const { return lists_.stage_units.size() - 1; }

    void close_group() {
        close_stage();
        lists_.group_stages.push_back(static_cast<std::int32_t>(lists_.stage_units.size()));
    }

private:
    void close_stage() {
        lists_.steps.resize(lists_.steps.size() + static_cast<std::size_t>(free_steps_));
        free_steps_ = 0;
    }

    UnionLists& lists_;
    int units_per_stage_;
    int free_steps_ = 0;
    int free_units_ = 0;
};

/// Unit rows of one block row that follow each other in a group.
struct RowPiece {
    std::int64_t block_row = 0;
    int row_in_block = 0;  ///< the first of them, in units
    int first = 0;         ///< unit rows [first, first + count) of the group
    int count = 0;
};

/// What a group stores in one block column.
struct BlockColumn {
    std::uint32_t rows = 0;
    std::int32_t units = 0;  ///< in each of its unit columns
};

/// The rows of one group after another, and the block columns they store.
class GroupReader {
public:
    GroupReader(const BsrView& a, const std::vector<std::int32_t>& crow, const std::vector<std::int32_t>& col,
                int unit)
        : crow_(crow),
          col_(col),
          rows_per_block_(a.block_m / unit),
          rows_per_group_(kGroupRows / unit),
          unit_rows_(ceil_div(a.m, unit)),
          columns_(static_cast<std::size_t>(a.block_cols())),
          used_(static_cast<std::size_t>(ceil_div(a.block_cols(), 64))) {}

    /// Reads the unit rows of one group, in the order of their places in it.
    void read(const std::int32_t* unit_rows) {
        pieces_.clear();
        for (int i = 0; i < rows_per_group_; ++i) {
            if (unit_rows[i] < unit_rows_) {
                add_row(unit_rows[i], i);
            }
        }
        for (const RowPiece& piece : pieces_) {
            const std::uint32_t rows = ((1U << piece.count) - 1) << piece.first;
            for (std::int32_t block = begin(piece); block < end(piece); ++block) {
                BlockColumn& column = columns_[col_[block]];
                column.rows |= rows;
                column.units += piece.count;
                used_[col_[block] / 64] |= std::uint64_t{1} << col_[block] % 64;
            }
        }
    }

    [[nodiscard]] const BlockColumn& column(std::int32_t block_column) const {
        return columns_[block_column];
    }

    /// Calls `visit` with {unit row in its block, stored block} for the group's unit rows in order, each from left to right.
    template <class Visitor>
    void for_each_row_block(Visitor&& visit) const {
        for (const RowPiece& piece : pieces_) {
            for (int row = 0; row < piece.count; ++row) {
                for (std::int32_t block = begin(piece); block < end(piece); ++block) {
                    visit(piece.row_in_block + row, block);
                }
            }
        }
    }

    /// Calls `visit` with the block columns in ascending order.
    template <class Visitor>
    void for_each_column(Visitor&& visit) {
        for (std::size_t word = 0; word < used_.size(); ++word) {
            for (std::uint64_t bits = used_[word]; bits != 0; bits &= bits - 1) {
                visit(static_cast<std::int32_t>(word) * 64 + std::countr_zero(bits));
            }
        }
    }

    void clear() {
        for_each_column([&](std::int32_t block_column) { columns_[block_column] = {}; });
        std::fill(used_.begin(), used_.end(), 0);
    }

private:
    /// The stored blocks of a piece: [begin, end).
    [[nodiscard]] std::int32_t begin(const RowPiece& piece) const { return crow_[piece.block_row]; }
    [[nodiscard]] std::int32_t end(const RowPiece& piece) const { return crow_[piece.block_row + 1]; }

    void add_row(std::int64_t unit_row, int place) {
        const RowPiece row{unit_row / rows_per_block_, static_cast<int>(unit_row % rows_per_block_), place,
                           1};
        if (!pieces_.empty()) {
            RowPiece& last = pieces_.back();
            if (last.block_row == row.block_row && last.row_in_block + last.count == row.row_in_block) {
                ++last.count;
                return;
            }
        }
        pieces_.push_back(row);
    }

    const std::vector<std::int32_t>& crow_;
    const std::vector<std::int32_t>& col_;
    int rows_per_block_;
    int rows_per_group_;
    std::int64_t unit_rows_;  ///< that C has rows in: the last block may reach beyond them
    std::vector<RowPiece> pieces_;
    std::vector<BlockColumn> columns_;
    std::vector<std::uint64_t> used_;  ///< a bit for each block column
};

}  // namespace

int unit_of(int block_m, int block_k) {
    return block_m % 32 == 0 && block_k % 32 == 0 ? 32 : 16;
}

std::int64_t most_stages(const BsrView& a) {
    const int unit = unit_of(a.block_m, a.block_k);
    const std::int64_t units = a.nnzb * (a.block_m / unit) * (a.block_k / unit);
    const std::int64_t groups = ceil_div(a.m, kGroupRows);
    const std::int64_t steps = ceil_div(a.block_cols() * a.block_k, kGroupStepK);
    // A stage ends because its steps are full, or because its units and the next one's together do not fit one.
    const std::int64_t by_units =
        groups + ceil_div(units, kGroupStageSteps) + ceil_div(2 * units, stage_units(unit) + 1);
    return std::min({groups * steps, units, by_units});
}

UnionLists make_union_lists(const BsrView& a, const std::vector<std::int32_t>& crow,
                            const std::vector<std::int32_t>& col, std::vector<std::int32_t> group_rows) {
    const int unit = unit_of(a.block_m, a.block_k);
    const int rows_per_block = a.block_m / unit;
    const int columns_per_block = a.block_k / unit;
    const int columns_per_step = kGroupStepK / unit;

    UnionLists lists;
    lists.group_rows = std::move(group_rows);
    lists.units.resize(static_cast<std::size_t>(a.nnzb) * rows_per_block * columns_per_block +
                       kMostStageUnits);
    Writer writer(lists, unit);
    GroupReader reader(a, crow, col, unit);
    lists.group_stages.push_back(0);
    std::vector<std::size_t> stage_of_step(
        static_cast<std::size_t>(ceil_div(a.block_cols() * a.block_k, kGroupStepK)));
    std::int32_t next = 0;
    for (std::size_t group = 0; group < lists.group_rows.size(); group += kGroupRows / unit) {
        reader.read(lists.group_rows.data() + group);
        const std::size_t first_stage = lists.stage_units.size();
        UnionStep step;
        int step_units = 0;
        const auto close_step = [&] {
            if (step_units > 0) {
                writer.add_step(step, step_units, next - step_units);
                stage_of_step[step.column] = writer.stage();
            }
            step_units = 0;
        };
        reader.for_each_column([&](std::int32_t block_column) {
            const BlockColumn& column = reader.column(block_column);
            for (int part = 0; part < columns_per_block; ++part) {
                const std::int32_t unit_column = block_column * columns_per_block + part;
                if (step.column != unit_column / columns_per_step) {
                    close_step();
                    step = {unit_column / columns_per_step, 0};
                }
                step.rows |= column.rows << 16 * (unit_column % columns_per_step);
                step_units += column.units;
                next += column.units;
            }
        });
        close_step();
        writer.close_group();
        // Where the next unit of each stage goes: the rows come one after the other.
        std::vector<std::int32_t> next_unit(
            lists.stage_units.begin() + static_cast<std::ptrdiff_t>(first_stage), lists.stage_units.end());
        reader.for_each_row_block([&](std::int32_t unit_row, std::int32_t block) {
            for (int part = 0; part < columns_per_block; ++part) {
                const std::int32_t unit_column = col[block] * columns_per_block + part;
                const std::size_t stage = stage_of_step[unit_column / columns_per_step];
                lists.units[next_unit[stage - first_stage]++] =
                    (block * rows_per_block + unit_row) * columns_per_block + part;
            }
        });
        reader.clear();
    }
    lists.stage_units.insert(lists.stage_units.end(), 2, next);
    return lists;
}

std::vector<GroupWork> group_work(const UnionLists& lists, int unit) {
    std::vector<GroupWork> works(lists.group_stages.size() - 1);
    for (std::size_t g = 0; g < works.size(); ++g) {
        const auto step_of = [&](std::int32_t stage) {
            return lists.steps.begin() + std::ptrdiff_t{stage} * kGroupStageSteps;
        };
        std::for_each(step_of(lists.group_stages[g]), step_of(lists.group_stages[g + 1]),
                      [&](const UnionStep& step) {
                          works[g].steps += step.rows != 0 ? 1 : 0;
                          works[g].units += std::popcount(products_of(step.rows, unit));
                      });
    }
    return works;
}

}  // namespace bsk
