// The order of work: which cluster of CTAs takes which tiles of C, and in what order.
#pragma once

#include <cstdint>
#include <vector>

namespace bsk {

/// One tile row of C times the `cluster` neighbouring column tiles of one strip.
struct WorkItem {
    std::int32_t tile_row = 0;  ///< C rows tile_row*tile_m ...
    std::int32_t strip =
        0;  ///< C columns strip*cluster*tile_n ...; of a batch, those of the first C come first
    std::int32_t part = -1;  ///< index into Schedule::parts, or -1: the whole list of the tile row

    friend bool operator==(const WorkItem&, const WorkItem&) = default;
};

/// Some of what a tile adds up where its list is split, so that several streams share it: stored blocks (spmm_sm90), stages
/// (spmm_sm90_small), steps of 64 of n (sddmm_sm90).
struct TilePart {
    std::int32_t begin = 0;  ///< of the list [begin, end), never empty
    std::int32_t end = 0;
    std::int32_t index = 0;  ///< this is part `index` of `count` >= 2
    std::int32_t count = 0;
    std::int32_t tile = 0;  ///< number of the split tile; its parts count their arrivals there
    std::int32_t slot = 0;  ///< buffer of the partial sums; the parts of a tile have consecutive ones
};

/// Stream s (one cluster, from launch to exit) takes items[offsets[s] .. offsets[s+1]) in that order.
struct Schedule {
    std::vector<std::int32_t> offsets;
    std::vector<WorkItem> items;
    std::vector<TilePart> parts;  ///< in the order of their slots
    int split_tiles = 0;
    double makespan = 0;  ///< cost of the longest stream, in the unit of the costs
};

/// A work item and what it costs.
struct CostedItem {
    WorkItem item;
    double cost = 0;
};

/// Tile rows x strips, strip by strip, so that one strip of B stays in L2, and in each strip those that cost most first: tiles
/// that run together then take about as long and stay together on their way through B.
///
/// @param row_costs  cost of one item of each tile row [tile_rows]
[[nodiscard]] std::vector<CostedItem> strip_order(const std::vector<double>& row_costs, std::int64_t strips);

/// How many items at the end of an order go longest first: as many as keep all streams busy for as long as the longest item
/// takes, at least two for each stream, at most most_tail_items(). No more than needed: they are of several strips, and the more
/// strips, the less of B stays in L2 (docs/worklog/order-of-work.md).
[[nodiscard]] std::size_t tail_items(const std::vector<CostedItem>& order, int streams);

/// A quarter of the items, or two for each stream if that is more.
[[nodiscard]] std::size_t most_tail_items(std::size_t items, int streams);

/// Deals items to `streams` streams in this order, but for its tail_items() longest first, each to the stream that is free
/// first (list scheduling, Graham 1969).
[[nodiscard]] Schedule deal(std::vector<CostedItem> order, int streams);

/// The same; then the busiest stream exchanges one of its last items with another stream for as long as it ends sooner.
[[nodiscard]] Schedule deal_evenly(std::vector<CostedItem> order, int streams);

/// strip_order, dealt.
[[nodiscard]] Schedule make_schedule(const std::vector<double>& row_costs, std::int64_t strips, int streams);

}  // namespace bsk
