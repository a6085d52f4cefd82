#include "plan/cost_model.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "base/check.h"
#include "plan/cost_constants.h"

namespace bsk {

namespace {

constexpr double kMicro = 1e-6;
constexpr double kFittedSmTflops =
    760.0 / 132;  // dense fp16 rate of an SM of the H200 that the constants come from
constexpr double kLeastTile =
    0.4;  // microseconds to store a tile of zeros: at 0 one stream would take all of them

const CostConstants& constants_of(std::string_view variant) {
    const auto* found = std::ranges::find(kCostConstants, variant, &CostConstants::variant);
    require(found != kCostConstants.end(), ErrorCode::internal, "The cost model has no constants for {}.",
            variant);
    return *found;
}

/// How much longer an SM of the device takes than one of an H200.
double sm_scale(const DeviceModel& device) {
    return kFittedSmTflops / (device.tensor_tflops / device.sm_count);
}

/// What steps and units take together.
double overlapped(const CostConstants& cost, double steps, double units) {
    const double longer = std::max(steps * cost.step, units * cost.unit);
    const double shorter = std::min(steps * cost.step, units * cost.unit);
    return longer + (1 - cost.overlap) * shorter;
}

}  // namespace

KernelChoice costed_choice(KernelId kernel, int tile_m, int tile_n, std::int64_t n) {
    return {kernel, tile_m, tile_n, n > tile_n ? 2 : 1};
}

std::string cost_variant(const KernelChoice& choice, int unit) {
    switch (choice.kernel) {
        case KernelId::spmm_sm90:
            return fmt::format("spmm_sm90/{}x{}x{}", choice.tile_m, choice.tile_n, choice.cluster);
        case KernelId::spmm_sm90_pairs: return fmt::format("spmm_sm90_pairs/{}", choice.cluster);
        default: return fmt::format("spmm_sm90_small/{}x{}", unit, choice.cluster);
    }
}

double step_seconds(std::string_view variant, const DeviceModel& device) {
    return kMicro * constants_of(variant).step * sm_scale(device);
}

double tile_seconds(std::string_view variant) {
    return kMicro * std::max(constants_of(variant).tile, kLeastTile);
}

double group_tile_seconds(const KernelChoice& choice, const GroupWork& work, double loads, int unit,
                          const DeviceModel& device) {
    const CostConstants& cost = constants_of(cost_variant(choice, unit));
    const double both =
        overlapped(cost, loads * static_cast<double>(work.steps), static_cast<double>(work.units));
    return kMicro * (std::max(cost.tile, kLeastTile) + both * sm_scale(device));
}

double values_bytes(const BsrView& a) {
    return static_cast<double>(a.nnzb) * a.block_m * a.block_k * static_cast<double>(size_of(a.dtype));
}

double b_bytes(const BsrView& a, const SpmmProblem& problem) {
    return static_cast<double>(a.k) * static_cast<double>(problem.n) * static_cast<double>(size_of(a.dtype));
}

double memory_bytes(const BsrView& a, const SpmmProblem& problem) {
    const double c_bytes = static_cast<double>(a.m) * static_cast<double>(problem.n) *
                           static_cast<double>(size_of(problem.c_dtype));
    return values_bytes(a) + static_cast<double>(problem.batch) * (b_bytes(a, problem) + c_bytes);
}

double fixed_seconds(const CostTerms& terms, const DeviceModel& device) {
    return device.type == DeviceType::cuda ? kMicro * constants_of(terms.variant).fixed : 0.0;
}

double memory_seconds(const CostTerms& terms, const DeviceModel& device) {
    return terms.bytes / (device.memory_gbps * 1e9 * constants_of(terms.variant).memory_share);
}

double seconds(const CostTerms& terms, const DeviceModel& device) {
    const CostConstants& cost = constants_of(terms.variant);
    const double work = terms.tiles * cost.tile + overlapped(cost, terms.steps, terms.units);
    return fixed_seconds(terms, device) +
           std::max(kMicro * work * sm_scale(device), memory_seconds(terms, device));
}

}  // namespace bsk
