#include "plan/streams.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/math.h"
#include "plan/cost_model.h"
#include "plan/schedule_hopper.h"

namespace bsk {

namespace {

/// Of lone CTAs that are costed as clusters. Launched in turns on one GPU, spmm_sm90 was 2 to 8 % faster with clusters of 2 wherever
/// there were tiles for all of them.
constexpr double kLoneCtaHandicap = 1.1;

/// L2 of H100 and H200.
constexpr std::int64_t kL2Bytes = std::int64_t{50} << 20;

/// Where B's strip takes more than half of L2 and A has no room beside it, A passes through L2 once a strip in any case. As the
/// first to be evicted, its lines and C's leave the strip there (docs/worklog/order-of-work.md).
void share_l2(HostPlan& plan, const BsrView& a) {
    const auto element = static_cast<std::int64_t>(size_of(a.dtype));
    const std::int64_t strip = a.k * plan.choice.tile_n * plan.choice.cluster * element;
    const std::int64_t values = a.nnzb * a.block_m * a.block_k * element;
    plan.keeps_b_in_l2 = 2 * strip > kL2Bytes && values > kL2Bytes;
    if (plan.keeps_b_in_l2) {
        plan.reasons.push_back(
            fmt::format("A strip of B takes {} MiB of L2: lines of A and C are evicted first.", strip >> 20));
    }
}

}  // namespace

std::int64_t strips_of(const SpmmProblem& problem, const KernelChoice& choice) {
    return problem.batch * ceil_div(problem.n, static_cast<std::int64_t>(choice.tile_n) * choice.cluster);
}

int streams_of(const KernelChoice& choice, const DeviceModel& device) {
    return device.sm_count / choice.cluster;
}

void consider(HostPlan& plan, const KernelChoice& choice, const KernelChoice& costed, int unit,
              const DeviceModel& device, Schedule schedule) {
    const double handicap = choice.cluster < costed.cluster ? kLoneCtaHandicap : 1.0;
    const double seconds = fixed_seconds({cost_variant(costed, unit)}, device) + handicap * schedule.makespan;
    if (plan.schedule.offsets.empty() || seconds < plan.predicted_seconds) {
        plan.choice = choice;
        plan.schedule = std::move(schedule);
        plan.predicted_seconds = seconds;
    }
}

void explain_schedule(HostPlan& plan, const BsrView& a, const DeviceModel& device, const std::string& tiles) {
    const double memory = memory_seconds(plan.terms, device);
    plan.predicted_seconds = fixed_seconds(plan.terms, device) + std::max(plan.schedule.makespan, memory);
    plan.reasons.push_back(fmt::format(
        "{}; {}.", tiles,
        plan.choice.cluster == 2 ? "clusters of 2 CTAs along n read A once by multicast"
                                 : "no clusters: there is one column tile, or more streams finish sooner"));
    plan.reasons.push_back(
        fmt::format("{} tiles for {} streams, strip by strip, the last ones longest first; the longest "
                    "stream takes {:.3f} ms, moving everything through memory once {:.3f} ms.",
                    plan.schedule.items.size(), plan.schedule.offsets.size() - 1,
                    1e3 * plan.schedule.makespan, 1e3 * memory));
    if (plan.schedule.split_tiles > 0) {
        plan.reasons.push_back(fmt::format(
            "{} tiles are split into {} parts of their block lists, so that no stream ends late; partial "
            "sums are added in a fixed order.",
            plan.schedule.split_tiles, plan.schedule.parts.size()));
    }
    if (plan.choice.kernel != KernelId::spmm_sm90_small) {
        share_l2(plan, a);
    }
    if (defers_store(plan)) {
        plan.reasons.push_back(fmt::format("{} {}: a tile is stored while the next is computed.",
                                           kRoundsProduct, name(plan.problem.c_dtype)));
    }
}

bool defers_store(const HostPlan& plan) {
    const KernelChoice& choice = plan.choice;
    return plan.problem.c_dtype != DType::f32 &&
           (choice.kernel == KernelId::spmm_sm90_pairs ||
            (choice.kernel == KernelId::spmm_sm90 && choice.tile_m == 128));
}

CostTerms busiest_stream(const HostPlan& plan, const BsrView& a, const std::string& variant,
                         const StripWork& strip) {
    const double share = strip.seconds > 0 ? plan.schedule.makespan / strip.seconds : 0;
    return {variant, share * strip.tiles, share * strip.steps, share * strip.units,
            memory_bytes(a, plan.problem)};
}

std::vector<int> cluster_sizes(std::int64_t n, int tile_n) {
    return n > tile_n ? std::vector<int>{2, 1} : std::vector<int>{1};
}

}  // namespace bsk
