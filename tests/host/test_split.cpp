#include "plan/split.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace bsk {
namespace {

constexpr double kPart = 1.0;
constexpr double kSplit = 3.0;

/// Rows of these numbers of blocks, a second a block and a second a tile.
std::vector<TileRow> rows_of(const std::vector<int>& blocks) {
    std::vector<TileRow> rows;
    std::int32_t begin = 0;
    for (const int count : blocks) {
        rows.push_back({begin, begin + count, 1.0, 1.0});
        begin += count;
    }
    return rows;
}

Schedule whole(const std::vector<TileRow>& rows, std::int64_t strips, int streams) {
    std::vector<double> costs;
    for (const TileRow& row : rows) {
        costs.push_back(row.seconds());
    }
    return make_schedule(costs, strips, streams);
}

/// Every tile is there once, whole or as parts that cover its blocks in order without gap or overlap.
void expect_covers(const Schedule& schedule, const std::vector<TileRow>& rows, std::int64_t strips) {
    std::map<std::pair<int, int>, std::vector<TilePart>> parts;
    std::set<std::pair<int, int>> wholes;
    for (const WorkItem& item : schedule.items) {
        if (item.part < 0) {
            EXPECT_TRUE(wholes.emplace(item.tile_row, item.strip).second);
        } else {
            parts[{item.tile_row, item.strip}].push_back(schedule.parts.at(item.part));
        }
    }
    EXPECT_EQ(wholes.size() + parts.size(), rows.size() * static_cast<std::size_t>(strips));
    EXPECT_EQ(parts.size(), static_cast<std::size_t>(schedule.split_tiles));
    std::set<int> slots;
    for (auto& [tile, of_tile] : parts) {
        EXPECT_FALSE(wholes.contains(tile));
        std::sort(of_tile.begin(), of_tile.end(),
                  [](const TilePart& a, const TilePart& b) { return a.index < b.index; });
        EXPECT_EQ(of_tile.size(), static_cast<std::size_t>(of_tile.front().count));
        EXPECT_GE(of_tile.front().count, 2);
        std::int32_t next = rows[tile.first].begin;
        for (std::size_t i = 0; i < of_tile.size(); ++i) {
            EXPECT_EQ(of_tile[i].index, static_cast<int>(i));
            EXPECT_EQ(of_tile[i].slot, of_tile.front().slot + static_cast<int>(i));
            EXPECT_EQ(of_tile[i].tile, of_tile.front().tile);
            EXPECT_LT(of_tile[i].begin, of_tile[i].end);
            EXPECT_EQ(of_tile[i].begin, next);
            next = of_tile[i].end;
            EXPECT_TRUE(slots.insert(of_tile[i].slot).second);
            EXPECT_LT(of_tile[i].tile, schedule.split_tiles);
        }
        EXPECT_EQ(next, rows[tile.first].end);
    }
    EXPECT_EQ(slots.size(), schedule.parts.size());
}

TEST(Split, LeavesBalancedWorkWhole) {
    const std::vector<TileRow> rows = rows_of(std::vector<int>(64, 30));
    const Schedule schedule = make_split_schedule(rows, 33, 66, kPart, kSplit);
    EXPECT_EQ(schedule.split_tiles, 0);
    EXPECT_TRUE(schedule.parts.empty());
    expect_covers(schedule, rows, 33);
}

TEST(Split, SharesOneFullRowAmongEightStreams) {
    std::vector<int> blocks(64, 0);
    blocks[17] = 1000;
    const std::vector<TileRow> rows = rows_of(blocks);
    const Schedule schedule = make_split_schedule(rows, 4, 66, kPart, kSplit);
    expect_covers(schedule, rows, 4);
    EXPECT_EQ(schedule.split_tiles, 4);
    EXPECT_GT(whole(rows, 4, 66).makespan, 1000.0);
    EXPECT_LT(schedule.makespan, 140.0);  // 8 parts, the most there are, of 125 seconds and 9 more each
}

TEST(Split, HelpsWhereTilesAreFewerThanStreams) {
    std::vector<int> blocks;
    for (int row = 0; row < 64; ++row) {
        blocks.push_back(60 + row % 16 * 10);
    }
    const std::vector<TileRow> rows = rows_of(blocks);
    const Schedule schedule = make_split_schedule(rows, 1, 66, kPart, kSplit);
    expect_covers(schedule, rows, 1);
    EXPECT_GT(schedule.split_tiles, 0);
    EXPECT_LT(schedule.makespan, 0.85 * whole(rows, 1, 66).makespan);
}

TEST(Split, IsNotDoneWhereItCostsMoreThanItSaves) {
    const std::vector<TileRow> rows = rows_of({5, 5, 5, 8});
    const Schedule schedule = make_split_schedule(rows, 1, 66, kPart, kSplit);
    EXPECT_EQ(schedule.split_tiles, 0);
    EXPECT_DOUBLE_EQ(schedule.makespan, 9.0);
}

TEST(Split, NeverSplitsASingleBlock) {
    const std::vector<TileRow> rows = rows_of({1, 1, 400});
    const Schedule schedule = make_split_schedule(rows, 1, 8, 0.0, 0.0);
    expect_covers(schedule, rows, 1);
    EXPECT_EQ(schedule.split_tiles, 1);
}

TEST(Split, IsTheSameEveryTime) {
    std::vector<int> blocks(64, 10);
    blocks[3] = 700;
    const std::vector<TileRow> rows = rows_of(blocks);
    const Schedule first = make_split_schedule(rows, 2, 66, kPart, kSplit);
    const Schedule second = make_split_schedule(rows, 2, 66, kPart, kSplit);
    ASSERT_EQ(first.items.size(), second.items.size());
    EXPECT_EQ(first.offsets, second.offsets);
    for (std::size_t i = 0; i < first.items.size(); ++i) {
        EXPECT_EQ(std::tie(first.items[i].tile_row, first.items[i].strip, first.items[i].part),
                  std::tie(second.items[i].tile_row, second.items[i].strip, second.items[i].part));
    }
}

}  // namespace
}  // namespace bsk
