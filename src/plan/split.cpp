#include "plan/split.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

namespace bsk {

namespace {

constexpr double kGoodBalance = 1.03;
constexpr int kPartsOfShare[] = {1, 2, 3,
                                 4, 6, 8};  ///< lengths of parts that are tried: a stream's share over these

/// Bounds the memory for partial sums.
constexpr double kMostParts = 8;

/// Appends the parts of `whole`, each of about `limit` seconds, to `order` and `parts`.
void split_tile(const CostedItem& whole, const TileRow& row, double limit, double part_seconds,
                Schedule& split, std::vector<CostedItem>& order) {
    const std::int32_t entries = row.end - row.begin;
    // Rounded, not up: 32 tiles for 66 streams are better cut in 2 than in 3.
    const int count = static_cast<int>(
        std::min({static_cast<double>(entries), kMostParts, std::max(2.0, std::round(whole.cost / limit))}));
    for (int index = 0; index < count; ++index) {
        const auto bound = [&](int i) {
            return row.begin + static_cast<std::int32_t>(static_cast<std::int64_t>(entries) * i / count);
        };
        const auto slot = static_cast<std::int32_t>(split.parts.size());
        split.parts.push_back({bound(index), bound(index + 1), index, count, split.split_tiles, slot});
        WorkItem item = whole.item;
        item.part = slot;
        order.push_back({item, row.seconds_per_tile + count * part_seconds +
                                   (bound(index + 1) - bound(index)) * row.seconds_per_entry});
    }
    ++split.split_tiles;
}

/// Splits what is longer than `share` anywhere, and what is longer than `limit` in the tail.
Schedule split_schedule(const std::vector<TileRow>& rows, const std::vector<CostedItem>& tiles, double share,
                        double limit, int streams, double part_seconds) {
    Schedule split;
    std::vector<CostedItem> order;
    const std::size_t tail = std::min(tiles.size(), 2 * static_cast<std::size_t>(streams));
    for (std::size_t i = 0; i < tiles.size(); ++i) {
        const TileRow& row = rows[static_cast<std::size_t>(tiles[i].item.tile_row)];
        const bool late = i + tail >= tiles.size();
        if (tiles[i].cost > (late ? limit : share) && row.end - row.begin > 1) {
            split_tile(tiles[i], row, limit, part_seconds, split, order);
        } else {
            order.push_back(tiles[i]);
        }
    }
    Schedule dealt = deal_evenly(std::move(order), streams);
    dealt.parts = std::move(split.parts);
    dealt.split_tiles = split.split_tiles;
    return dealt;
}

}  // namespace

std::vector<double> seconds_of(const std::vector<TileRow>& rows) {
    std::vector<double> seconds;
    seconds.reserve(rows.size());
    std::transform(rows.begin(), rows.end(), std::back_inserter(seconds),
                   [](const TileRow& row) { return row.seconds(); });
    return seconds;
}

Schedule make_split_schedule(const std::vector<TileRow>& rows, std::int64_t strips, int streams,
                             double part_seconds, double split_seconds) {
    const std::vector<double> costs = seconds_of(rows);
    const std::vector<CostedItem> tiles = strip_order(costs, strips);
    Schedule best = deal_evenly(tiles, streams);
    double total = 0;
    double longest = 0;
    for (const double cost : costs) {
        total += static_cast<double>(strips) * cost;
        longest = std::max(longest, cost);
    }
    const double share = total / streams;
    if (best.makespan <= kGoodBalance * share) {
        return best;
    }
    for (const int parts : kPartsOfShare) {
        if (longest > share / parts) {
            Schedule split = split_schedule(rows, tiles, share, share / parts, streams, part_seconds);
            split.makespan += split_seconds;
            if (split.makespan < best.makespan) {
                best = std::move(split);
            }
        }
    }
    return best;
}

}  // namespace bsk
