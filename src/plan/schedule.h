// Which kernel computes a product, in which tiles, and in which order each cluster takes them.
#pragma once

#include <cstdint>
#include <vector>

namespace bsk {

enum class KernelId : int { cpu = 0, spmm_simt, spmm_sm80, spmm_sm90 };

struct KernelChoice {
    KernelId kernel = KernelId::cpu;
    int tile_m = 0;   ///< rows of C a CTA computes at a time
    int tile_n = 0;   ///< columns of C a CTA computes at a time
    int cluster = 1;  ///< CTAs of a cluster; they take neighbouring column tiles and share A
};

/// One tile row of C times the `cluster` column tiles of one strip.
struct WorkItem {
    std::int32_t tile_row = 0;  ///< C rows tile_row*tile_m ...
    std::int32_t strip = 0;     ///< C columns strip*cluster*tile_n ...
};

/// The work of stream s (a cluster) is items[offsets[s] .. offsets[s+1]), in that order.
struct Schedule {
    std::vector<std::int32_t> offsets;
    std::vector<WorkItem> items;
};

}  // namespace bsk
