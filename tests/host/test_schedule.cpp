#include "plan/schedule.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <set>
#include <utility>

#include <gtest/gtest.h>

namespace bsk {
namespace {

std::vector<double> random_costs(int rows) {
    std::mt19937 random(7);
    std::vector<double> costs(rows);
    for (double& cost : costs) {
        cost = 10.0 + static_cast<double>(random() % 10);
    }
    return costs;
}

double stream_cost(const Schedule& schedule, int stream, const std::vector<double>& costs) {
    double sum = 0;
    for (int i = schedule.offsets[stream]; i < schedule.offsets[stream + 1]; ++i) {
        sum += costs[schedule.items[i].tile_row];
    }
    return sum;
}

TEST(Schedule, GivesEveryTileToExactlyOneStream) {
    const std::vector<double> costs = random_costs(37);
    const Schedule schedule = make_schedule(costs, 5, 66);
    ASSERT_EQ(schedule.offsets.size(), 67U);
    EXPECT_EQ(schedule.offsets.front(), 0);
    EXPECT_EQ(schedule.offsets.back(), 37 * 5);
    EXPECT_TRUE(std::is_sorted(schedule.offsets.begin(), schedule.offsets.end()));
    std::set<std::pair<int, int>> seen;
    for (const WorkItem& item : schedule.items) {
        EXPECT_TRUE(seen.emplace(item.tile_row, item.strip).second);
        EXPECT_LT(item.tile_row, 37);
        EXPECT_LT(item.strip, 5);
    }
    EXPECT_EQ(seen.size(), 37U * 5U);
}

TEST(Schedule, MakespanIsTheLongestStream) {
    const std::vector<double> costs = random_costs(64);
    const Schedule schedule = make_schedule(costs, 16, 66);
    double longest = 0;
    for (int stream = 0; stream < 66; ++stream) {
        longest = std::max(longest, stream_cost(schedule, stream, costs));
    }
    EXPECT_DOUBLE_EQ(schedule.makespan, longest);
}

TEST(Schedule, BalancesWithinOneLastItem) {
    // List scheduling: no stream ends later than the average load plus one item (Graham 1969).
    const std::vector<double> costs = random_costs(64);
    const Schedule schedule = make_schedule(costs, 16, 66);
    const double total = 16 * std::accumulate(costs.begin(), costs.end(), 0.0);
    EXPECT_LE(schedule.makespan, total / 66 + *std::max_element(costs.begin(), costs.end()));
    EXPECT_LE(schedule.makespan, 1.05 * total / 66);
}

TEST(Schedule, ExchangesTilesUntilTheLongestStreamCannotEndSooner) {
    const std::vector<double> costs = random_costs(64);
    const Schedule listed = make_schedule(costs, 16, 66);
    const Schedule even = deal_evenly(strip_order(costs, 16), 66);
    const double mean = 16 * std::accumulate(costs.begin(), costs.end(), 0.0) / 66;
    EXPECT_LT(even.makespan, listed.makespan);
    EXPECT_LE(even.makespan, 1.01 * mean);
    std::set<std::pair<int, int>> seen;
    double longest = 0;
    for (int stream = 0; stream < 66; ++stream) {
        longest = std::max(longest, stream_cost(even, stream, costs));
        for (int i = even.offsets[stream]; i < even.offsets[stream + 1]; ++i) {
            seen.emplace(even.items[i].tile_row, even.items[i].strip);
        }
    }
    EXPECT_NEAR(even.makespan, longest, 1e-9 * longest);
    EXPECT_EQ(seen.size(), 64U * 16U);
}

TEST(Schedule, ExchangesALongTileForAShorterOne) {
    std::vector<CostedItem> order;  // in turn 3 + 2 + 2 and 3 + 2
    for (const double cost : {3.0, 3.0, 2.0, 2.0, 2.0}) {
        order.push_back({{static_cast<std::int32_t>(order.size()), 0}, cost});
    }
    EXPECT_DOUBLE_EQ(deal(order, 2).makespan, 7.0);
    EXPECT_DOUBLE_EQ(deal_evenly(order, 2).makespan, 6.0);
}

TEST(Schedule, TakesStripsInOrderBeforeTheTail) {
    const Schedule schedule = make_schedule(std::vector<double>(8, 1.0), 8, 1);
    for (int i = 0; i < 62; ++i) {
        EXPECT_EQ(schedule.items[i].strip, i / 8);
        EXPECT_EQ(schedule.items[i].tile_row, i % 8);
    }
}

TEST(Schedule, TakesTheLongestTilesOfAStripFirst) {
    const std::vector<CostedItem> order = strip_order({1.0, 3.0, 2.0, 3.0}, 2);
    std::vector<std::pair<int, int>> places;
    for (const CostedItem& item : order) {
        places.emplace_back(item.item.strip, item.item.tile_row);
    }
    EXPECT_EQ(places, (std::vector<std::pair<int, int>>{
                          {0, 1}, {0, 3}, {0, 2}, {0, 0}, {1, 1}, {1, 3}, {1, 2}, {1, 0}}));
}

TEST(Schedule, TailLastsAsLongAsTheLongestItem) {
    std::vector<double> costs(64, 1.0);
    EXPECT_EQ(tail_items(strip_order(costs, 64), 66), 2U * 66U);
    costs[5] = 37.0;  // mean 100/64: the longest is 23.68 times as long
    EXPECT_EQ(tail_items(strip_order(costs, 64), 40), 947U);
    EXPECT_EQ(tail_items(strip_order(costs, 64), 66), 1024U) << "a quarter at most";
    EXPECT_EQ(tail_items(strip_order(costs, 1), 66), 64U) << "no more than there are";
    EXPECT_EQ(tail_items({}, 66), 0U);
}

TEST(Schedule, LeavesStreamsWithoutWorkEmpty) {
    const Schedule schedule = make_schedule({1.0, 1.0}, 1, 4);
    EXPECT_EQ(schedule.offsets, (std::vector<std::int32_t>{0, 1, 2, 2, 2}));
    const Schedule nothing = make_schedule({}, 3, 2);
    EXPECT_EQ(nothing.offsets, (std::vector<std::int32_t>{0, 0, 0}));
    EXPECT_TRUE(nothing.items.empty());
}

}  // namespace
}  // namespace bsk
