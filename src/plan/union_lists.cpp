#include "plan/union_lists.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "base/math.h"

namespace bsk {

namespace {

/// Appends stages of one group after another.
class Writer {
public:
    Writer(UnionLists& lists, int unit)
        : lists_(lists),
          steps_per_stage_(kGroupStageK / unit),
          units_per_stage_(kGroupStageBytes / (2 * unit * unit)) {}

    /// Opens a stage if the step or its units do not fit the last one.
    void add_step(UnionStep step) {
        const int units = std::popcount(step.rows);
        if (free_steps_ == 0 || units > free_units_) {
            close_stage();
            free_steps_ = steps_per_stage_;
            free_units_ = units_per_stage_;
            lists_.stage_units.push_back(static_cast<std::int32_t>(lists_.units.size()));
        }
        --free_steps_;
        free_units_ -= units;
        lists_.steps.push_back(step);
    }

    void add_unit(std::int64_t unit) { lists_.units.push_back(static_cast<std::int32_t>(unit)); }

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
    int steps_per_stage_;
    int units_per_stage_;
    int free_steps_ = 0;
    int free_units_ = 0;
};

/// A unit row of a group, and the stored block of its block row that comes next.
struct Head {
    std::int32_t next = 0;
    std::int32_t end = 0;
    int row_in_block = 0;  ///< in units
};

}  // namespace

int unit_of(int block_m, int block_k) {
    return block_m % 32 == 0 && block_k % 32 == 0 ? 32 : 16;
}

UnionLists make_union_lists(const BsrView& a, const std::vector<std::int32_t>& crow,
                            const std::vector<std::int32_t>& col) {
    constexpr std::int32_t kNone = std::numeric_limits<std::int32_t>::max();
    const int unit = unit_of(a.block_m, a.block_k);
    const int rows_per_block = a.block_m / unit;
    const int columns_per_block = a.block_k / unit;
    const int rows_per_chunk = kGroupChunkRows / unit;
    const std::int64_t unit_rows = a.block_rows() * rows_per_block;

    UnionLists lists;
    lists.group_chunks = make_row_groups(a, crow, col);
    Writer writer(lists, unit);
    lists.group_stages.push_back(0);
    std::vector<Head> heads;
    for (std::size_t group = 0; group < lists.group_chunks.size() / kGroupChunks; ++group) {
        heads.clear();
        for (int r = 0; r < rows_per_chunk * kGroupChunks; ++r) {
            const std::int64_t chunk = lists.group_chunks[group * kGroupChunks + r / rows_per_chunk];
            const std::int64_t row = chunk * rows_per_chunk + r % rows_per_chunk;
            const auto block_row = static_cast<std::size_t>(row / rows_per_block);
            heads.push_back(row < unit_rows ? Head{crow[block_row], crow[block_row + 1],
                                                   static_cast<int>(row % rows_per_block)}
                                            : Head{});
        }
        while (true) {
            std::int32_t block_column = kNone;
            for (const Head& head : heads) {
                block_column = std::min(block_column, head.next < head.end ? col[head.next] : kNone);
            }
            if (block_column == kNone) {
                break;
            }
            const auto stores = [&](const Head& head) {
                return head.next < head.end && col[head.next] == block_column;
            };
            std::uint32_t rows = 0;
            for (std::size_t r = 0; r < heads.size(); ++r) {
                rows |= stores(heads[r]) ? 1U << r : 0U;
            }
            for (int part = 0; part < columns_per_block; ++part) {
                writer.add_step({block_column * columns_per_block + part, rows});
                for (const Head& head : heads) {
                    if (stores(head)) {
                        const std::int64_t row =
                            static_cast<std::int64_t>(head.next) * rows_per_block + head.row_in_block;
                        writer.add_unit(row * columns_per_block + part);
                    }
                }
            }
            for (Head& head : heads) {
                head.next += stores(head) ? 1 : 0;
            }
        }
        writer.close_group();
    }
    lists.stage_units.insert(lists.stage_units.end(), 2, static_cast<std::int32_t>(lists.units.size()));
    return lists;
}

std::vector<GroupWork> group_work(const UnionLists& lists) {
    std::vector<GroupWork> works(lists.group_stages.size() - 1);
    const std::size_t stages = static_cast<std::size_t>(lists.group_stages.back());
    const std::size_t steps_per_stage = stages == 0 ? 0 : lists.steps.size() / stages;
    for (std::size_t g = 0; g < works.size(); ++g) {
        for (std::size_t i = lists.group_stages[g] * steps_per_stage;
             i < lists.group_stages[g + 1] * steps_per_stage; ++i) {
            works[g].columns += lists.steps[i].rows != 0 ? 1 : 0;
            works[g].units += std::popcount(lists.steps[i].rows);
        }
    }
    return works;
}

}  // namespace bsk
