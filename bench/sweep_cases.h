// What the sweeps of products and of sampled products share: their patterns, and what their records say of them.
#pragma once

#include <cstdint>
#include <vector>

#include <nlohmann/json.hpp>

#include <bsk/bsr.h>
#include <bsk/types.h>

#include "bench/nvml.h"
#include "bench/record.h"
#include "bench/sweep.h"
#include "plan/cost_model.h"

namespace bsk::bench {

/// Every A of m = k = size.
[[nodiscard]] std::vector<GenerateOptions> matrices(const SweepOptions& options, std::int64_t size);

/// What every record of a product with `nnzb` stored blocks says; no measurements yet.
[[nodiscard]] CaseResult case_result(const GenerateOptions& a, std::int64_t nnzb, std::int64_t n,
                                     Layout layout, Device device, const Nvml& nvml);

/// What scripts/fit_cost_model.py reads of a plan.
[[nodiscard]] nlohmann::ordered_json plan_json(const CostTerms& terms, double predicted_seconds,
                                               bool packs_each_time);

}  // namespace bsk::bench
