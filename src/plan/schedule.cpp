#include "plan/schedule.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

namespace bsk {

namespace {

/// Streams by when they are free, the lowest first among equals: a heap whose first is given work again and again.
class FreeStreams {
public:
    using FreeAt = std::pair<double, int>;  ///< (time, stream)

    explicit FreeStreams(int streams) {
        for (int stream = 0; stream < streams; ++stream) {
            heap_.emplace_back(0.0, stream);
        }
    }

    [[nodiscard]] FreeAt first() const { return heap_.front(); }

    /// Keeps the first stream busy until `time`.
    void take_first_until(double time) {
        const FreeAt taken{time, heap_.front().second};
        std::size_t hole = 0;
        for (std::size_t child = 1; child < heap_.size(); child = 2 * hole + 1) {
            child += child + 1 < heap_.size() && heap_[child + 1] < heap_[child] ? 1 : 0;
            if (taken < heap_[child]) {
                break;
            }
            heap_[hole] = heap_[child];
            hole = child;
        }
        heap_[hole] = taken;
    }

private:
    std::vector<FreeAt> heap_;
};

}  // namespace

std::vector<CostedItem> strip_order(const std::vector<double>& row_costs, std::int64_t strips) {
    std::vector<std::size_t> rows(row_costs.size());
    std::iota(rows.begin(), rows.end(), 0);
    std::stable_sort(rows.begin(), rows.end(),
                     [&](std::size_t a, std::size_t b) { return row_costs[a] > row_costs[b]; });
    std::vector<CostedItem> order;
    order.reserve(rows.size() * static_cast<std::size_t>(strips));
    for (std::int64_t strip = 0; strip < strips; ++strip) {
        for (const std::size_t row : rows) {
            order.push_back(
                {{static_cast<std::int32_t>(row), static_cast<std::int32_t>(strip)}, row_costs[row]});
        }
    }
    return order;
}

std::size_t most_tail_items(std::size_t items, int streams) {
    return std::min(items, std::max(items / 4, 2 * static_cast<std::size_t>(streams)));
}

std::size_t tail_items(const std::vector<CostedItem>& order, int streams) {
    double total = 0;
    double longest = 0;
    for (const CostedItem& item : order) {
        total += item.cost;
        longest = std::max(longest, item.cost);
    }
    const double of_longest = total > 0 ? streams * longest * static_cast<double>(order.size()) / total : 0;
    const double wanted = std::max(2.0 * streams, of_longest);
    return static_cast<std::size_t>(
        std::min(wanted, static_cast<double>(most_tail_items(order.size(), streams))));
}

Schedule deal(std::vector<CostedItem> order, int streams) {
    const std::size_t tail = tail_items(order, streams);
    // Stable, so that equal costs keep strip order and with it the locality of B.
    std::stable_sort(order.end() - static_cast<std::ptrdiff_t>(tail), order.end(),
                     [](const CostedItem& a, const CostedItem& b) { return a.cost > b.cost; });

    FreeStreams free_streams(streams);
    Schedule schedule;
    std::vector<std::int32_t> stream_of(order.size());
    schedule.offsets.assign(static_cast<std::size_t>(streams) + 1, 0);
    for (std::size_t i = 0; i < order.size(); ++i) {
        const auto [time, stream] = free_streams.first();
        const double end = time + order[i].cost;
        free_streams.take_first_until(end);
        schedule.makespan = std::max(schedule.makespan, end);
        stream_of[i] = stream;
        ++schedule.offsets[stream + 1];
    }
    for (int stream = 0; stream < streams; ++stream) {
        schedule.offsets[stream + 1] += schedule.offsets[stream];
    }
    schedule.items.resize(order.size());
    std::vector<std::int32_t> next(schedule.offsets.begin(), schedule.offsets.end() - 1);
    for (std::size_t i = 0; i < order.size(); ++i) {
        schedule.items[next[stream_of[i]]++] = order[i].item;
    }
    return schedule;
}

Schedule make_schedule(const std::vector<double>& row_costs, std::int64_t strips, int streams) {
    return deal(strip_order(row_costs, strips), streams);
}

}  // namespace bsk
