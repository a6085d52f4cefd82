#include "plan/row_pairs.h"

#include <algorithm>
#include <array>
#include <utility>

#include "plan/column_sets.h"

namespace bsk {

namespace {

using Pair = std::array<std::int32_t, 2>;  // block rows in ascending order

constexpr std::int32_t kWindow = 128;  // block rows that are paired with each other: bounds the time
constexpr int kMostRounds = 20;        // of exchanges; uniform random patterns need about five

/// Pairs the block rows of one window.
class Matching {
public:
    /// @param columns  of each row of the window
    explicit Matching(const ColumnSets& columns)
        : rows_(columns.count()), common_(static_cast<std::size_t>(rows_) * static_cast<std::size_t>(rows_)) {
        for (std::int32_t x = 0; x < rows_; ++x) {
            for (std::int32_t y = x + 1; y < rows_; ++y) {
                common(x, y) = common(y, x) = count_common(columns, x, y);
            }
        }
    }

    /// Rows counted from the window's first; an odd one out is paired with -1.
    std::vector<Pair> run() {
        std::vector<Pair> pairs = most_alike_first();
        for (int round = 0; round < kMostRounds && exchange(pairs); ++round) {
        }
        return pairs;
    }

private:
    int& common(std::int32_t x, std::int32_t y) {
        return common_[static_cast<std::size_t>(x) * static_cast<std::size_t>(rows_) +
                       static_cast<std::size_t>(y)];
    }

    std::vector<Pair> most_alike_first() {
        std::vector<Pair> candidates;
        for (std::int32_t x = 0; x < rows_; ++x) {
            for (std::int32_t y = x + 1; y < rows_; ++y) {
                candidates.push_back({x, y});
            }
        }
        std::stable_sort(candidates.begin(), candidates.end(), [&](const Pair& p, const Pair& q) {
            return common(p[0], p[1]) > common(q[0], q[1]);
        });
        std::vector<bool> taken(static_cast<std::size_t>(rows_));
        std::vector<Pair> pairs;
        for (const auto& [x, y] : candidates) {
            if (!taken[x] && !taken[y]) {
                taken[x] = taken[y] = true;
                pairs.push_back({x, y});
            }
        }
        for (std::int32_t x = 0; x < rows_; ++x) {
            if (!taken[x]) {
                pairs.push_back({x, -1});
            }
        }
        return pairs;
    }

    /// One round over all pairs of pairs; whether any exchange was made.
    bool exchange(std::vector<Pair>& pairs) {
        bool any = false;
        for (std::size_t i = 0; i < pairs.size(); ++i) {
            for (std::size_t j = i + 1; j < pairs.size(); ++j) {
                Pair& p = pairs[i];
                Pair& q = pairs[j];
                if (p[1] < 0 || q[1] < 0) {
                    continue;
                }
                const int kept = common(p[0], p[1]) + common(q[0], q[1]);
                const int straight = common(p[0], q[0]) + common(p[1], q[1]);
                const int crossed = common(p[0], q[1]) + common(p[1], q[0]);
                if (std::max(straight, crossed) > kept) {
                    std::swap(p[1], straight >= crossed ? q[0] : q[1]);
                    any = true;
                }
            }
        }
        return any;
    }

    std::int32_t rows_;
    std::vector<int> common_;  ///< [rows][rows]: block columns that both store
};

/// All pairs, in the order of their first rows.
std::vector<Pair> match_rows(const BsrView& a, const std::vector<std::int32_t>& crow,
                             const std::vector<std::int32_t>& col) {
    const auto rows = static_cast<std::int32_t>(a.block_rows());
    const bool in_order = !ColumnSets::are_small(rows, a.block_cols());
    std::vector<Pair> pairs;
    for (std::int32_t first = 0; in_order && first < rows; first += 2) {
        pairs.push_back({first, first + 1});
    }
    for (std::int32_t first = 0; !in_order && first < rows; first += kWindow) {
        const std::int32_t count = std::min(kWindow, rows - first);
        ColumnSets columns(count, a.block_cols());
        for (std::int32_t row = 0; row < count; ++row) {
            columns.add_row(row, crow, col, first + row);
        }
        for (const auto& [x, y] : Matching(columns).run()) {
            pairs.push_back({first + x, y < 0 ? rows : first + y});
        }
    }
    for (Pair& pair : pairs) {
        std::sort(pair.begin(), pair.end());
    }
    std::sort(pairs.begin(), pairs.end());
    return pairs;
}

}  // namespace

RowPairs make_row_pairs(const BsrView& a, const std::vector<std::int32_t>& crow,
                        const std::vector<std::int32_t>& col) {
    const auto rows = static_cast<std::int32_t>(a.block_rows());
    RowPairs result;
    for (const auto& [x, y] : match_rows(a, crow, col)) {
        std::int32_t first = crow[x];
        std::int32_t second = crow[y];
        const std::int32_t first_end = crow[x + 1];
        const std::int32_t second_end = crow[std::min(y + 1, rows)];
        RowPair pair{{x, y}, {first, second}, {first_end - first, second_end - second}, 0, 0};
        pair.first_step = static_cast<std::int32_t>(result.steps.size());
        while (first < first_end || second < second_end) {
            const bool in_first = first < first_end && (second == second_end || col[first] <= col[second]);
            const bool in_second = second < second_end && (!in_first || col[second] == col[first]);
            const std::int32_t column = in_first ? col[first] : col[second];
            result.steps.push_back(4 * column + (in_first ? 1 : 0) + (in_second ? 2 : 0));
            first += in_first ? 1 : 0;
            second += in_second ? 1 : 0;
        }
        pair.steps = static_cast<std::int32_t>(result.steps.size()) - pair.first_step;
        result.pairs.push_back(pair);
    }
    return result;
}

std::vector<std::int32_t> step_sources(const RowPairs& pairs, const std::vector<std::int32_t>& sources) {
    std::vector<std::int32_t> result;
    result.reserve(2 * pairs.steps.size());
    for (const RowPair& pair : pairs.pairs) {
        std::array<std::int32_t, 2> block{pair.first_block[0], pair.first_block[1]};
        for (std::int32_t step = pair.first_step; step < pair.first_step + pair.steps; ++step) {
            for (int row = 0; row < 2; ++row) {
                const bool stored = (pairs.steps[step] >> row & 1) != 0;
                result.push_back(stored ? sources[block[row]++] : -1);
            }
        }
    }
    return result;
}

}  // namespace bsk
