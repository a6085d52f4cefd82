#include "plan/schedule.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <utility>

namespace bsk {

Schedule make_schedule(const std::vector<double>& row_costs, std::int64_t strips, int streams) {
    const auto rows = static_cast<std::int64_t>(row_costs.size());
    std::vector<WorkItem> order;
    order.reserve(static_cast<std::size_t>(rows * strips));
    for (std::int64_t strip = 0; strip < strips; ++strip) {
        for (std::int64_t row = 0; row < rows; ++row) {
            order.push_back({static_cast<std::int32_t>(row), static_cast<std::int32_t>(strip)});
        }
    }
    // Stable, so that equal costs keep strip order and with it the locality of B.
    const auto tail = order.begin() + static_cast<std::ptrdiff_t>(order.size() - order.size() / 4);
    std::stable_sort(tail, order.end(), [&](const WorkItem& a, const WorkItem& b) {
        return row_costs[a.tile_row] > row_costs[b.tile_row];
    });

    using FreeAt = std::pair<double, int>;  // (time, stream): ties go to the lowest stream
    std::priority_queue<FreeAt, std::vector<FreeAt>, std::greater<>> free_streams;
    for (int stream = 0; stream < streams; ++stream) {
        free_streams.emplace(0.0, stream);
    }
    Schedule schedule;
    std::vector<std::int32_t> stream_of(order.size());
    schedule.offsets.assign(static_cast<std::size_t>(streams) + 1, 0);
    for (std::size_t i = 0; i < order.size(); ++i) {
        const auto [time, stream] = free_streams.top();
        free_streams.pop();
        const double end = time + row_costs[order[i].tile_row];
        free_streams.emplace(end, stream);
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
        schedule.items[next[stream_of[i]]++] = order[i];
    }
    return schedule;
}

}  // namespace bsk
