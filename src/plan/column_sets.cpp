#include "plan/column_sets.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <iterator>
#include <numeric>

#include "base/math.h"

namespace bsk {

namespace {

// Sets that are looked at for one place, and words that are compared for all places where that makes more: some ten
// milliseconds.
constexpr std::int64_t kLeastWindow = 128;
constexpr std::int64_t kMostCompared = std::int64_t{1} << 23;
constexpr std::int64_t kMostWords = std::int64_t{1} << 20;

int count_columns(const std::uint64_t* set, std::int64_t words) {
    int count = 0;
    for (std::int64_t word = 0; word < words; ++word) {
        count += std::popcount(set[word]);
    }
    return count;
}

int count_common(const std::uint64_t* x, const std::uint64_t* y, std::int64_t words) {
    int count = 0;
    for (std::int64_t word = 0; word < words; ++word) {
        count += std::popcount(x[word] & y[word]);
    }
    return count;
}

void unite(std::uint64_t* set, const std::uint64_t* other, std::int64_t words) {
    std::transform(set, set + words, other, set, std::bit_or<>());
}

}  // namespace

ColumnSets::ColumnSets(std::int64_t count, std::int64_t columns)
    : count_(count), words_(ceil_div(columns, 64)), bits_(static_cast<std::size_t>(words_ * count)) {}

void ColumnSets::add_row(std::int64_t number, const std::vector<std::int32_t>& crow,
                         const std::vector<std::int32_t>& col, std::int64_t row) {
    for (std::int32_t block = crow[row]; block < crow[row + 1]; ++block) {
        set(number)[col[block] / 64] |= std::uint64_t{1} << col[block] % 64;
    }
}

bool ColumnSets::are_small(std::int64_t count, std::int64_t columns) {
    return count * ceil_div(columns, 64) <= kMostWords;
}

int count_common(const ColumnSets& sets, std::int64_t x, std::int64_t y) {
    return count_common(sets.set(x), sets.set(y), sets.words());
}

std::vector<std::int32_t> gather_alike(const ColumnSets& sets, int size) {
    const std::int64_t words = sets.words();
    const std::int64_t window =
        std::max(kLeastWindow, kMostCompared / std::max(words * sets.count(), std::int64_t{1}));
    std::vector<std::int32_t> waiting(static_cast<std::size_t>(sets.count()));
    std::iota(waiting.begin(), waiting.end(), 0);
    std::vector<int> sizes;
    sizes.reserve(waiting.size());
    std::transform(waiting.begin(), waiting.end(), std::back_inserter(sizes),
                   [&](std::int32_t number) { return count_columns(sets.set(number), words); });
    std::vector<std::uint64_t> lot(static_cast<std::size_t>(words));
    const auto most_like_lot = [&] {
        const std::int64_t lot_size = count_columns(lot.data(), words);
        std::ptrdiff_t best = 0;
        std::int64_t best_common = -1;
        std::int64_t best_all = 1;
        for (std::ptrdiff_t i = 0; i < std::min(window, std::ssize(waiting)); ++i) {
            const std::int64_t common = count_common(lot.data(), sets.set(waiting[i]), words);
            const std::int64_t all = lot_size + sizes[waiting[i]] - common;
            if (common * best_all > best_common * all) {
                best = i;
                best_common = common;
                best_all = all;
            }
        }
        return best;
    };

    std::vector<std::int32_t> lots;
    while (!waiting.empty()) {
        std::fill(lot.begin(), lot.end(), 0);
        for (int i = 0; i < size; ++i) {
            if (waiting.empty()) {
                lots.push_back(sets.count());
                continue;
            }
            const std::ptrdiff_t next = i == 0 ? 0 : most_like_lot();
            unite(lot.data(), sets.set(waiting[next]), words);
            lots.push_back(waiting[next]);
            waiting.erase(waiting.begin() + next);
        }
    }
    return lots;
}

ColumnSets unions_of(const ColumnSets& sets, const std::vector<std::int32_t>& lots, int size) {
    ColumnSets unions(std::ssize(lots) / size, sets.words() * 64);
    for (std::ptrdiff_t i = 0; i < std::ssize(lots); ++i) {
        if (lots[i] < sets.count()) {
            unite(unions.set(i / size), sets.set(lots[i]), sets.words());
        }
    }
    return unions;
}

}  // namespace bsk
