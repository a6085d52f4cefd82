// Splitting the lists of tiles, so that no stream ends late: long rows, or fewer tiles than streams.
#pragma once

#include <cstdint>
#include <vector>

#include "plan/schedule.h"

namespace bsk {

/// A row of tiles: the stored blocks that each of them adds up (spmm_sm90_small: stages), and what they cost.
struct TileRow {
    std::int32_t begin = 0;
    std::int32_t end = 0;
    double seconds_per_entry = 0;  ///< of the list: a block or a stage
    double seconds_per_tile = 0;   ///< beside the list

    [[nodiscard]] double seconds() const { return seconds_per_tile + (end - begin) * seconds_per_entry; }
};

[[nodiscard]] std::vector<double> seconds_of(const std::vector<TileRow>& rows);

/// strip_order, dealt evenly; where that ends more than 3 % over perfect balance, tiles are split into parts of about equal
/// length: those that cost more than a stream's fair share, and the longer ones among the last two for each
/// stream. Several lengths of parts are tried, and splitting is kept only where the makespan gets shorter.
///
/// @param part_seconds   what a part costs beside its share of the list and the tile, for each part of that tile: writing and adding
///                       up partial sums
/// @param split_seconds  what any splitting costs a launch; part of the makespan then
[[nodiscard]] Schedule make_split_schedule(const std::vector<TileRow>& rows, std::int64_t strips, int streams,
                                           double part_seconds, double split_seconds);

}  // namespace bsk
