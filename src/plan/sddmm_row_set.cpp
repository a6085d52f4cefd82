#include "plan/sddmm_row_set.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <numeric>

namespace bsk {

namespace {

/// Bits that are set, up to `most`.
int count_bits(const std::uint64_t* words, std::int64_t count, int most) {
    int found = 0;
    for (std::int64_t w = 0; w < count && found < most; ++w) {
        found += std::popcount(words[w]);
    }
    return std::min(found, most);
}

}  // namespace

UnitGroup::UnitGroup(const Units& units, std::int64_t first_row)
    : first(first_row),
      last(std::min(first + kSddmmGroupRows / units.unit, units.rows)),
      with_(static_cast<std::size_t>(units.words * 64)) {
    for (std::int64_t row = first; row < last; ++row) {
        rows_.set(row - first);
        visit_bits(
            units.words, [&](std::int64_t w) { return units.left(row)[w]; },
            [&](std::int64_t column) { with_[column].set(row - first); });
        count(units, row);
    }
}

void UnitGroup::update(const Units& units, const std::vector<std::int64_t>& of_rows,
                       const std::vector<std::int32_t>& cols) {
    for (const std::int64_t row : of_rows) {
        for (const std::int32_t column : cols) {
            with_[column].set(row - first, (units.left(row)[column / 64] >> (column % 64) & 1) != 0);
        }
        count(units, row);
    }
}

void UnitGroup::count(const Units& units, std::int64_t row) {
    counts_.set(row - first, count_bits(units.left(row), units.words, 2 * RowNumbers::kCap));
}

RowSet::RowSet(const Units& units, std::int64_t row) : units_(units) {
    at_least_.reserve((SddmmTile::kMostRows + 2) * units.words);
    at_least_.assign(units.words, ~std::uint64_t{0});
    at_least_.resize(2 * units.words);
    kept_ = {0, 0};
    add(row);
}

void RowSet::add(std::int64_t row) {
    rows_.push_back(row);
    at_least_.resize((rows_.size() + 2) * units_.words);
    kept_.push_back(0);
    for (std::size_t t = rows_.size(); t > 0; --t) {
        std::uint64_t* columns = at_least_.data() + t * units_.words;
        for (std::int64_t w = 0; w < units_.words; ++w) {
            columns[w] |= at_least(t - 1)[w] & units_.left(row)[w];
        }
        kept_[t] = count_bits(columns, units_.words, units_.tile_cols);
    }
}

int RowSet::kept() const {
    return std::accumulate(kept_.begin(), kept_.end(), 0);
}

std::int64_t RowSet::best_addition(const UnitGroup& group) const {
    const int spare = RowNumbers::kCap - units_.tile_cols;
    RowNumbers kept_with(0);
    int full = 0;
    for (std::size_t t = 1; t <= rows_.size() + 1; ++t) {
        if (kept_[t] == units_.tile_cols) {
            full += units_.tile_cols;
        } else {
            kept_with.add(kept_with_any(group, t, spare));
            full -= spare;
        }
    }
    UnitRows best = group.rows();
    for (const std::int64_t row : rows_) {
        best.reset(row - group.first);
    }
    return kept_with.greatest(best) + full > kept() ? group.first + first_of(best) : -1;
}

RowNumbers RowSet::kept_with_any(const UnitGroup& group, std::size_t t, int spare) const {
    RowNumbers kept(kept_[t] + spare);
    if (t == 1) {  // of all columns that a row has left, but those few that the others have
        RowNumbers others = group.counts();
        visit_bits(
            units_.words, [this](std::int64_t w) { return at_least(1)[w]; },
            [&](std::int64_t column) { others.decrement(group.with(column)); });
        kept.add(others);
        kept.cap();
    } else {
        visit_bits(units_.words, exactly(t - 1),
                   [&](std::int64_t column) { kept.increment(group.with(column)); });
    }
    return kept;
}

std::vector<std::int32_t> RowSet::best_columns() const {
    std::vector<std::int32_t> cols;
    for (std::size_t t = rows_.size(); t > 0; --t) {
        append_bits(units_.words, exactly(t), units_.tile_cols, cols);
    }
    return cols;
}

}  // namespace bsk
