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

/// An order of items with the stream that takes each.
struct Dealt {
    std::vector<CostedItem> order;
    std::vector<std::int32_t> stream_of;
    std::vector<double> busy;  ///< until when, by stream
};

/// List scheduling.
Dealt deal_in_turn(std::vector<CostedItem> order, int streams) {
    const std::size_t tail = tail_items(order, streams);
    // Stable, so that equal costs keep strip order and with it the locality of B.
    std::stable_sort(order.end() - static_cast<std::ptrdiff_t>(tail), order.end(),
                     [](const CostedItem& a, const CostedItem& b) { return a.cost > b.cost; });
    FreeStreams free_streams(streams);
    Dealt dealt;
    dealt.busy.assign(static_cast<std::size_t>(streams), 0.0);
    dealt.stream_of.reserve(order.size());
    for (const CostedItem& item : order) {
        const auto [time, stream] = free_streams.first();
        dealt.busy[stream] = time + item.cost;
        free_streams.take_first_until(dealt.busy[stream]);
        dealt.stream_of.push_back(stream);
    }
    dealt.order = std::move(order);
    return dealt;
}

/// An item that streams may exchange.
struct LastItem {
    std::size_t place = 0;  ///< in the order
    double cost = 0;
};

/// An item that the busiest stream gives to another for one of its items, or for none.
struct Exchange {
    std::size_t given = 0;  ///< of the busiest stream's last items
    int taker = -1;         ///< -1: there is no exchange
    std::size_t taken = 0;  ///< of the taker's last items, or how many they are
    double longer = 0;      ///< until when the one of the two streams is busy that ends later
};

/// The exchange after which the later of its two streams ends first, if that is before the busiest does now.
Exchange best_exchange(const std::vector<double>& busy, const std::vector<std::vector<LastItem>>& last,
                       int busiest) {
    constexpr double kGain = 1 - 1e-9;  // not for rounding errors
    Exchange best;
    best.longer = busy[busiest] * kGain;
    for (std::size_t given = 0; given < last[busiest].size(); ++given) {
        const double left = busy[busiest] - last[busiest][given].cost;
        for (int taker = 0; taker < static_cast<int>(last.size()); ++taker) {
            const double taken_on = busy[taker] + last[busiest][given].cost;
            const std::size_t items = busy[taker] < best.longer ? last[taker].size() + 1 : 0;
            for (std::size_t taken = 0; taken < items; ++taken) {
                const double takes = taken + 1 < items ? last[taker][taken].cost : 0.0;
                const double longer = std::max(left + takes, taken_on - takes);
                if (longer < best.longer) {
                    best = {given, taker, taken, longer};
                }
            }
        }
    }
    return best;
}

/// Lets the busiest stream exchange one of its last items as long as that helps.
void even_out(Dealt& dealt) {
    constexpr std::size_t kLast = 4;
    std::vector<std::vector<LastItem>> last(dealt.busy.size());
    for (std::size_t i = dealt.order.size(); i-- > 0;) {
        std::vector<LastItem>& items = last[dealt.stream_of[i]];
        if (items.size() < kLast) {
            items.push_back({i, dealt.order[i].cost});
        }
    }
    for (std::size_t turn = 0; turn < 8 * dealt.busy.size(); ++turn) {
        const auto busiest =
            static_cast<int>(std::max_element(dealt.busy.begin(), dealt.busy.end()) - dealt.busy.begin());
        const Exchange best = best_exchange(dealt.busy, last, busiest);
        if (best.taker < 0) {
            return;
        }
        const auto move = [&](int from, std::size_t index, int to) {
            const LastItem item = last[from][index];
            last[from].erase(last[from].begin() + static_cast<std::ptrdiff_t>(index));
            last[to].push_back(item);
            dealt.stream_of[item.place] = to;
            dealt.busy[from] -= item.cost;
            dealt.busy[to] += item.cost;
        };
        const bool takes = best.taken < last[best.taker].size();
        move(busiest, best.given, best.taker);
        if (takes) {
            move(best.taker, best.taken, busiest);
        }
    }
}

/// The items of each stream in their order.
Schedule sorted_by_stream(const Dealt& dealt) {
    Schedule schedule;
    schedule.offsets.assign(dealt.busy.size() + 1, 0);
    for (const std::int32_t stream : dealt.stream_of) {
        ++schedule.offsets[stream + 1];
    }
    std::partial_sum(schedule.offsets.begin(), schedule.offsets.end(), schedule.offsets.begin());
    schedule.items.resize(dealt.order.size());
    std::vector<std::int32_t> next(schedule.offsets.begin(), schedule.offsets.end() - 1);
    for (std::size_t i = 0; i < dealt.order.size(); ++i) {
        schedule.items[next[dealt.stream_of[i]]++] = dealt.order[i].item;
    }
    schedule.makespan = *std::max_element(dealt.busy.begin(), dealt.busy.end());
    return schedule;
}

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
    return sorted_by_stream(deal_in_turn(std::move(order), streams));
}

Schedule deal_evenly(std::vector<CostedItem> order, int streams) {
    Dealt dealt = deal_in_turn(std::move(order), streams);
    even_out(dealt);
    return sorted_by_stream(dealt);
}

Schedule make_schedule(const std::vector<double>& row_costs, std::int64_t strips, int streams) {
    return deal(strip_order(row_costs, strips), streams);
}

}  // namespace bsk
