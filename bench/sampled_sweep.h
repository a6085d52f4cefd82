// Sampled products of a sweep: what the cost model's constants of sddmm_sm90 are fitted to.
#pragma once

#include <atomic>
#include <functional>

#include <nlohmann/json.hpp>

#include "bench/sweep.h"

namespace bsk::bench {

/// Measures the sampled product by the chosen kernel at the pattern of each combination; of `layouts` row_major stands for
/// row-major D1 and D2 and col_major for those of a linear layer's gradient, D1 = dY^T and D2 = X. `sink` gets records as in
/// sweep(). Results are compared with those of sddmm_sm80.
void sweep_sampled(const SweepOptions& options,
                   const std::function<void(const nlohmann::ordered_json&)>& sink,
                   const std::atomic<bool>& stop);

}  // namespace bsk::bench
