// Every kernel that computes a product, over many products, launch by launch in turns: what the cost model is fitted to.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <bsk/bsr.h>
#include <bsk/types.h>

#include "bench/timer.h"

namespace bsk::bench {

struct SweepOptions {
    std::vector<std::int64_t> sizes;  ///< m and k at once
    std::vector<std::int64_t> ns;
    std::vector<double> densities;
    std::vector<int> blocks;
    std::vector<Pattern> patterns;
    std::vector<Layout> layouts;  ///< of B and C
    DType dtype = DType::f16;
    std::uint64_t seed = 0;
    Device device;
    TimingOptions timing;
};

/// Measures the products of each combination by every kernel but those predicted to take more than 4 times as long
/// as the fastest; dense_cublas takes A packed, and a second time packs it in every product. `sink` gets a record
/// for each (record.h), with the plan's terms of the cost model. Results are compared with those of the first kernel.
void sweep(const SweepOptions& options, const std::function<void(const nlohmann::ordered_json&)>& sink,
           const std::atomic<bool>& stop);

}  // namespace bsk::bench
