#include "plan/row_groups.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <numeric>

#include "base/math.h"

namespace bsk {

namespace {

constexpr std::size_t kWindow = 128;  // chunks that are looked at for one place: bounds the time
// Words of column sets up to which rows are grouped (8 MiB, a tenth of a second); larger ones keep their order.
constexpr std::int64_t kMostWords = std::int64_t{1} << 20;

/// Block rows that a chunk holds rows of: first, and behind the last.
struct BlockRows {
    std::int64_t first;
    std::int64_t last;
};
BlockRows block_rows_of(const BsrView& a, std::int64_t chunk) {
    return {chunk * kGroupChunkRows / a.block_m,
            std::min(ceil_div((chunk + 1) * kGroupChunkRows, a.block_m), a.block_rows())};
}

/// A set of block columns for each chunk, 64 to a word.
class ColumnSets {
public:
    ColumnSets(const BsrView& a, const std::vector<std::int32_t>& crow, const std::vector<std::int32_t>& col,
               std::int64_t chunks)
        : words_(static_cast<std::size_t>(ceil_div(a.block_cols(), 64))),
          bits_(words_ * static_cast<std::size_t>(chunks)) {
        for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
            const auto [first, last] = block_rows_of(a, chunk);
            for (std::int32_t block = crow[first]; block < crow[last]; ++block) {
                set(chunk)[col[block] / 64] |= std::uint64_t{1} << col[block] % 64;
            }
        }
    }

    [[nodiscard]] std::size_t words() const { return words_; }
    [[nodiscard]] std::uint64_t* set(std::int64_t chunk) {
        return bits_.data() + words_ * static_cast<std::size_t>(chunk);
    }

private:
    std::size_t words_;
    std::vector<std::uint64_t> bits_;
};

/// Index in `waiting` of the set most like `group`; the first of equals.
std::size_t most_alike(ColumnSets& sets, const std::vector<std::uint64_t>& group,
                       const std::vector<std::int32_t>& waiting) {
    std::size_t best = 0;
    std::int64_t best_common = -1;
    std::int64_t best_all = 1;
    for (std::size_t i = 0; i < std::min(kWindow, waiting.size()); ++i) {
        const std::uint64_t* set = sets.set(waiting[i]);
        std::int64_t common = 0;
        std::int64_t all = 0;
        for (std::size_t word = 0; word < group.size(); ++word) {
            common += std::popcount(group[word] & set[word]);
            all += std::popcount(group[word] | set[word]);
        }
        if (common * best_all > best_common * all) {
            best = i;
            best_common = common;
            best_all = all;
        }
    }
    return best;
}

}  // namespace

std::vector<std::int32_t> make_row_groups(const BsrView& a, const std::vector<std::int32_t>& crow,
                                          const std::vector<std::int32_t>& col) {
    const std::int64_t chunks = ceil_div(a.m, kGroupChunkRows);
    std::vector<std::int32_t> waiting(static_cast<std::size_t>(chunks));
    std::iota(waiting.begin(), waiting.end(), 0);
    if (chunks * ceil_div(a.block_cols(), 64) > kMostWords) {
        waiting.resize(static_cast<std::size_t>(round_up(chunks, kGroupChunks)),
                       static_cast<std::int32_t>(chunks));
        return waiting;
    }
    ColumnSets sets(a, crow, col, chunks);
    std::vector<std::int32_t> groups;
    std::vector<std::uint64_t> group(sets.words());
    while (!waiting.empty()) {
        std::fill(group.begin(), group.end(), 0);
        for (int i = 0; i < kGroupChunks; ++i) {
            if (waiting.empty()) {
                groups.push_back(static_cast<std::int32_t>(chunks));
                continue;
            }
            const std::size_t next = i == 0 ? 0 : most_alike(sets, group, waiting);
            const std::uint64_t* set = sets.set(waiting[next]);
            std::transform(group.begin(), group.end(), set, group.begin(), std::bit_or<>());
            groups.push_back(waiting[next]);
            waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(next));
        }
    }
    return groups;
}

std::vector<std::int32_t> make_even_groups(const BsrView& a, const std::vector<std::int32_t>& crow) {
    const std::int64_t chunks = ceil_div(a.m, kGroupChunkRows);
    const std::int64_t count = ceil_div(chunks, kGroupChunks);
    std::vector<std::int32_t> order(static_cast<std::size_t>(chunks));
    std::iota(order.begin(), order.end(), 0);
    const auto blocks = [&](std::int32_t chunk) {
        const auto [first, last] = block_rows_of(a, chunk);
        return crow[last] - crow[first];
    };
    std::stable_sort(order.begin(), order.end(),
                     [&](std::int32_t x, std::int32_t y) { return blocks(x) > blocks(y); });
    std::vector<std::int32_t> groups(static_cast<std::size_t>(count * kGroupChunks),
                                     static_cast<std::int32_t>(chunks));
    std::size_t next = 0;
    for (int round = 0; round < kGroupChunks; ++round) {
        for (std::int64_t i = 0; i < count; ++i) {
            const std::int64_t place = (round % 2 == 0 ? i : count - 1 - i) * kGroupChunks + round;
            if (place < chunks) {  // the last group may lack some
                groups[place] = order[next++];
            }
        }
    }
    return groups;
}

}  // namespace bsk
