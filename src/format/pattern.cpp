#include "format/pattern.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "base/check.h"
#include "format/matrix.h"

namespace bsk {
namespace {

constexpr std::array<const char*, 5> kPatternNames = {"uniform", "banded", "block_diagonal", "power_law",
                                                      "causal"};

/// Block rows, block columns and the number of blocks to store.
struct Grid {
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    std::int64_t blocks = 0;
};

/// `count` different numbers of [0, population), every such set equally likely, sorted: the first `count`
/// different draws, or all but population - count of them, whichever is fewer.
std::vector<std::int64_t> sample(std::int64_t population, std::int64_t count, Random& random) {
    const std::int64_t wanted = std::min(count, population - count);
    std::vector<std::int64_t> drawn;
    while (static_cast<std::int64_t>(drawn.size()) < wanted) {
        const std::int64_t missing = wanted - static_cast<std::int64_t>(drawn.size());
        for (std::int64_t i = 0; i < missing; ++i) {
            drawn.push_back(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(population))));
        }
        std::sort(drawn.begin(), drawn.end());
        drawn.erase(std::unique(drawn.begin(), drawn.end()), drawn.end());
    }
    if (wanted == count) {
        return drawn;
    }
    std::vector<std::int64_t> rest;
    rest.reserve(static_cast<std::size_t>(count));
    auto skip = drawn.begin();
    for (std::int64_t i = 0; i < population; ++i) {
        if (skip != drawn.end() && *skip == i) {
            ++skip;
        } else {
            rest.push_back(i);
        }
    }
    return rest;
}

void end_row(BsrMatrix& a, std::int64_t row) {
    a.crow_indices[static_cast<std::size_t>(row + 1)] = static_cast<std::int32_t>(a.nnzb());
}

using Interval = std::pair<std::int64_t, std::int64_t>;

/// Stores in each block row i the columns [first, last) that `columns(i)` gives.
template <class Columns>
void fill_intervals(BsrMatrix& a, const Grid& grid, Columns&& columns) {
    std::int64_t blocks = 0;
    for (std::int64_t i = 0; i < grid.rows; ++i) {
        const auto [first, last] = columns(i);
        blocks += last - first;
    }
    check_block_count(blocks);
    for (std::int64_t i = 0; i < grid.rows; ++i) {
        const auto [first, last] = columns(i);
        for (std::int64_t j = first; j < last; ++j) {
            a.col_indices.push_back(static_cast<std::int32_t>(j));
        }
        end_row(a, i);
    }
}

void fill_uniform(BsrMatrix& a, const Grid& grid, Random& random) {
    check_block_count(grid.blocks);
    const std::vector<std::int64_t> blocks = sample(grid.rows * grid.cols, grid.blocks, random);
    auto next = blocks.begin();
    for (std::int64_t i = 0; i < grid.rows; ++i) {
        for (; next != blocks.end() && *next < (i + 1) * grid.cols; ++next) {
            a.col_indices.push_back(static_cast<std::int32_t>(*next - i * grid.cols));
        }
        end_row(a, i);
    }
}

/// Every block row gets its share of the blocks, side by side and centred on the scaled diagonal, shifted
/// inwards at the ends.
void fill_banded(BsrMatrix& a, const Grid& grid) {
    fill_intervals(a, grid, [&](std::int64_t i) -> Interval {
        const std::int64_t width = (i + 1) * grid.blocks / grid.rows - i * grid.blocks / grid.rows;
        const std::int64_t twice_first = (2 * i + 1) * grid.cols / grid.rows - width;
        const std::int64_t first = std::clamp<std::int64_t>(twice_first / 2, 0, grid.cols - width);
        return {first, first + width};
    });
}

/// The diagonal cuts the block columns into one piece a block row, of at least one block.
void fill_block_diagonal(BsrMatrix& a, const Grid& grid) {
    fill_intervals(a, grid, [&](std::int64_t i) -> Interval {
        const std::int64_t first = i * grid.cols / grid.rows;
        return {first,
                std::clamp((i + 1) * grid.cols / grid.rows, std::min(first + 1, grid.cols), grid.cols)};
    });
}

/// Blocks on and below the scaled diagonal.
void fill_causal(BsrMatrix& a, const Grid& grid) {
    fill_intervals(a, grid, [&](std::int64_t i) -> Interval {
        return {0, ceil_div((i + 1) * grid.cols, grid.rows)};
    });
}

/// Zipf's law: the block row of rank r weighs 1/(r + 1), the ranks are in random order. In rank order each
/// row takes its share of the blocks that are left, rounded up, but no more than a full row.
void fill_power_law(BsrMatrix& a, const Grid& grid, Random& random) {
    check_block_count(grid.blocks);
    const auto rows = static_cast<std::size_t>(grid.rows);
    std::vector<std::int64_t> row_of_rank(rows);
    std::iota(row_of_rank.begin(), row_of_rank.end(), 0);
    for (std::size_t i = rows; i > 1; --i) {
        std::swap(row_of_rank[i - 1], row_of_rank[random.below(i)]);
    }
    std::vector<double> weight_from(rows + 1, 0.0);  // weight of all ranks from this one on
    for (std::size_t rank = rows; rank-- > 0;) {
        weight_from[rank] = weight_from[rank + 1] + 1.0 / static_cast<double>(rank + 1);
    }
    std::vector<std::int64_t> row_blocks(rows);
    std::int64_t left = grid.blocks;
    for (std::size_t rank = 0; rank < rows; ++rank) {
        const double weight = 1.0 / static_cast<double>(rank + 1);
        const double share = static_cast<double>(left) * (weight / weight_from[rank]);
        const std::int64_t blocks = std::min({static_cast<std::int64_t>(std::ceil(share)), grid.cols, left});
        row_blocks[static_cast<std::size_t>(row_of_rank[rank])] = blocks;
        left -= blocks;
    }
    for (std::int64_t i = 0; i < grid.rows; ++i) {
        for (const std::int64_t j : sample(grid.cols, row_blocks[static_cast<std::size_t>(i)], random)) {
            a.col_indices.push_back(static_cast<std::int32_t>(j));
        }
        end_row(a, i);
    }
}

}  // namespace

const char* name(Pattern pattern) {
    return kPatternNames.at(static_cast<std::size_t>(pattern));
}

Pattern pattern_from_name(const std::string& name) {
    const auto found = std::find(kPatternNames.begin(), kPatternNames.end(), name);
    require(found != kPatternNames.end(), ErrorCode::invalid_argument,
            "there is no pattern '{}'; the patterns are {}, {}, {}, {}, {}", name, kPatternNames[0],
            kPatternNames[1], kPatternNames[2], kPatternNames[3], kPatternNames[4]);
    return static_cast<Pattern>(found - kPatternNames.begin());
}

void fill_pattern(BsrMatrix& a, Pattern pattern, double density, Random random) {
    Grid grid{ceil_div(a.m, a.block_m), ceil_div(a.k, a.block_k)};
    grid.blocks = std::llround(density * static_cast<double>(grid.rows * grid.cols));
    switch (pattern) {
        case Pattern::uniform: return fill_uniform(a, grid, random);
        case Pattern::banded: return fill_banded(a, grid);
        case Pattern::block_diagonal: return fill_block_diagonal(a, grid);
        case Pattern::power_law: return fill_power_law(a, grid, random);
        case Pattern::causal: return fill_causal(a, grid);
    }
    fail(ErrorCode::invalid_argument, "pattern {} is unknown", static_cast<int>(pattern));
}

}  // namespace bsk
