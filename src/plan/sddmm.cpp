#include "plan/sddmm.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/check.h"
#include "base/lines.h"
#include "base/math.h"
#include "plan/cost_model.h"
#include "plan/kernels.h"
#include "plan/planner.h"

namespace bsk {

namespace {

constexpr int kMostParts = 8;
constexpr int kMostSplitRounds = 4;          // beside those of whole tiles
constexpr std::int64_t kLeastPartSteps = 8;  // not less than kMostParts, so that no part is empty

/// How sddmm_sm90 cuts its work: as spmm_sm90 does with tiles of 128 rows and no clusters, so that its costs are the same.
constexpr KernelChoice kHopperTile{KernelId::spmm_sm90, kSddmmTileM, kSddmmTileN, 1};

/// The kernel of the product that asks the same of the build and the device.
KernelId like(SddmmKernel kernel) {
    switch (kernel) {
        case SddmmKernel::sddmm_simt: return KernelId::spmm_simt;
        case SddmmKernel::sddmm_sm80: return KernelId::spmm_sm80;
        case SddmmKernel::sddmm_sm90: return KernelId::spmm_sm90;
        case SddmmKernel::sddmm_cpu: break;
    }
    return KernelId::spmm_cpu;
}

bool runs_on(SddmmKernel kernel, const DeviceModel& device) {
    return is_built(kernel) && runs_on(like(kernel), device);
}

/// Whether the lines of a dense operand start and end where TMA asks for it: at multiples of 16 bytes.
bool tma_reads(Layout layout, std::int64_t rows, std::int64_t cols, std::int64_t ld, DType dtype) {
    const std::int64_t piece = 16 / size_of(dtype);
    return ld % piece == 0 && lines_of(layout, rows, cols).length % piece == 0;
}

/// Why the kernel cannot compute this product on a device that it runs on; empty when it can.
std::string why_not(SddmmKernel kernel, const BsrView& a, const SddmmProblem& problem) {
    if ((kernel == SddmmKernel::sddmm_simt) != (a.dtype == DType::f32) && kernel != SddmmKernel::sddmm_cpu) {
        return a.dtype == DType::f32 ? "it computes float16 and bfloat16 only" : "it computes float32 only";
    }
    if (kernel != SddmmKernel::sddmm_sm90) {
        return "";
    }
    if (sddmm_unit(a.block_m, a.block_k) < kSddmmLeastUnit) {
        return fmt::format("blocks of {}x{} have sides of less than {}", a.block_m, a.block_k,
                           kSddmmLeastUnit);
    }
    if (a.nnzb * a.block_m > kInt32Max) {
        return fmt::format("nnzb*block_m = {} passes its int32 row numbers", a.nnzb * a.block_m);
    }
    if (!tma_reads(problem.d1_layout, a.m, problem.n, problem.ld1, a.dtype) ||
        !tma_reads(problem.d2_layout, problem.n, a.k, problem.ld2, a.dtype)) {
        return "the lines of D1 or D2 do not start and end at multiples of 16 bytes";
    }
    return "";
}

SddmmKernel kernel_of(const std::string& kernel_name) {
    std::vector<std::string_view> names;
    for (const SddmmKernel kernel : kSddmmKernels) {
        if (kernel_name == name(kernel)) {
            return kernel;
        }
        names.emplace_back(name(kernel));
    }
    fail(ErrorCode::invalid_argument, "kernel \"{}\" is not known; expected one of {}.", kernel_name,
         fmt::join(names, ", "));
}

/// The kernel; why not the others, in `reasons`.
SddmmKernel choose_kernel(const BsrView& a, const SddmmProblem& problem, const DeviceModel& device,
                          const std::string& asked_for, std::vector<std::string>& reasons) {
    if (!asked_for.empty()) {
        const SddmmKernel kernel = kernel_of(asked_for);
        require(runs_on(kernel, device), ErrorCode::unsupported, "Kernel {} does not run on {}.", asked_for,
                device.name);
        const std::string reason = why_not(kernel, a, problem);
        require(reason.empty(), ErrorCode::unsupported, "Kernel {} cannot compute this sampled product: {}.",
                asked_for, reason);
        reasons.push_back(fmt::format("{}: asked for by the caller.", asked_for));
        return kernel;
    }
    for (const SddmmKernel kernel : kSddmmKernels) {
        if (!runs_on(kernel, device)) {
            continue;
        }
        const std::string reason = why_not(kernel, a, problem);
        if (reason.empty()) {
            reasons.push_back(fmt::format("{}: the first that computes this product here.", name(kernel)));
            return kernel;
        }
        reasons.push_back(fmt::format("Not {}: {}.", name(kernel), reason));
    }
    fail(ErrorCode::unsupported,
         "No kernel of this build samples products on {} (compute capability {}.{}); the CPU backend does.",
         device.name, device.cc_major, device.cc_minor);
}

/// What rounds of make_sddmm_schedule cost.
struct RoundCosts {
    std::int64_t steps;
    int streams;
    double step_seconds;
    double tile_seconds;

    [[nodiscard]] double of(int parts) const {
        const double steps_seconds = static_cast<double>(ceil_div(steps, parts)) * step_seconds;
        return steps_seconds + tile_seconds +
               (parts == 1 ? 0.0 : kSddmmPartSeconds + parts * kSddmmSumSeconds);
    }
};

struct Rounds {
    std::vector<int> parts;  ///< of a tile, in each round
    double seconds = 0;
};

/// The shortest sequence of rounds for a few tiles, of at most `most` rounds more than whole tiles need.
Rounds best_rounds(std::int64_t tiles, const RoundCosts& costs, int most) {
    if (tiles == 0) {
        return {};
    }
    Rounds best;
    for (int parts = 1; parts <= kMostParts; ++parts) {
        const std::int64_t taken = std::min(tiles, static_cast<std::int64_t>(costs.streams / parts));
        const bool fits =
            parts == 1 || (ceil_div(costs.steps, parts) >= kLeastPartSteps && taken > 0 && most > 0);
        if (!fits) {
            continue;
        }
        Rounds rest = best_rounds(tiles - taken, costs, parts == 1 ? most : most - 1);
        const double seconds = costs.of(parts) + rest.seconds;
        if (best.parts.empty() || seconds < best.seconds) {
            rest.parts.insert(rest.parts.begin(), parts);
            best = {std::move(rest.parts), seconds};
        }
    }
    return best;
}

void plan_hopper(HostSddmmPlan& plan, const BsrView& a, const std::vector<std::int32_t>& crow,
                 const std::vector<std::int32_t>& col, const DeviceModel& device) {
    plan.tiles = make_sddmm_tiles(a, crow, col);
    const auto tiles = static_cast<std::int64_t>(plan.tiles.size());
    const std::int64_t steps = ceil_div(plan.problem.n, kSddmmStep);
    plan.schedule = make_sddmm_schedule(tiles, steps, device.sm_count, sm90_step_seconds(kHopperTile, device),
                                        sm90_tile_seconds(kHopperTile));
    plan.predicted_seconds = plan.schedule.makespan;
    const int unit = sddmm_unit(a.block_m, a.block_k);
    const double computed = static_cast<double>(tiles) * kSddmmTileM * kSddmmTileN;
    const double kept = static_cast<double>(a.nnzb) * a.block_m * a.block_k;
    plan.reasons.push_back(fmt::format(
        "{} tiles of {} x {} units of {}x{}; {:.0f} % of what they compute is kept.", tiles,
        kSddmmTileM / unit, kSddmmTileN / unit, unit, unit, 100 * kept / std::max(computed, 1.0)));
    if (plan.schedule.split_tiles > 0) {
        plan.reasons.push_back(fmt::format(
            "The last {} tiles are split into {} parts along n, whose sums are added in a fixed order.",
            plan.schedule.split_tiles, plan.schedule.parts.size()));
    }
}

}  // namespace

const char* name(SddmmKernel kernel) {
    switch (kernel) {
        case SddmmKernel::sddmm_cpu: return "sddmm_cpu";
        case SddmmKernel::sddmm_simt: return "sddmm_simt";
        case SddmmKernel::sddmm_sm80: return "sddmm_sm80";
        case SddmmKernel::sddmm_sm90: return "sddmm_sm90";
    }
    return "unknown";
}

const char* needs(SddmmKernel kernel) {
    if (kernel == SddmmKernel::sddmm_sm90) {
        return "a CUDA device of compute capability 9.0 (Hopper); float16, bfloat16; block sides from "
               "32 on; lines of D1 and D2 that start and end at multiples of 16 bytes";
    }
    return needs(like(kernel));
}

bool is_built(SddmmKernel kernel) {
    return is_built(like(kernel));
}

KernelCode code_for(SddmmKernel kernel, const DeviceModel& device) {
    return code_for(like(kernel), device);
}

SddmmProblem check_problem(const BsrView& a, SddmmProblem problem) {
    require(problem.n >= 0, ErrorCode::invalid_argument, "n is {}; a size must not be negative.", problem.n);
    require(problem.n <= kInt32Max, ErrorCode::too_large, "n is {}; sizes up to {} are supported.", problem.n,
            kInt32Max);
    require(problem.values_dtype == a.dtype || problem.values_dtype == DType::f32, ErrorCode::dtype_mismatch,
            "values_dtype is {}: expected the pattern's dtype, {}, or float32.", name(problem.values_dtype),
            name(a.dtype));
    problem.ld1 = filled_ld("ld1", problem.ld1, problem.d1_layout, a.m, problem.n);
    problem.ld2 = filled_ld("ld2", problem.ld2, problem.d2_layout, problem.n, a.k);
    return problem;
}

HostSddmmPlan plan_sddmm(const BsrView& a, const std::vector<std::int32_t>& crow,
                         const std::vector<std::int32_t>& col, const SddmmProblem& problem,
                         const DeviceModel& device, const std::string& kernel) {
    HostSddmmPlan plan;
    plan.problem = problem;
    plan.kernel = choose_kernel(a, problem, device, kernel, plan.reasons);
    if (plan.kernel == SddmmKernel::sddmm_sm90) {
        plan_hopper(plan, a, crow, col, device);
    }
    return plan;
}

Schedule make_sddmm_schedule(std::int64_t tiles, std::int64_t steps, int streams, double step_seconds,
                             double tile_seconds) {
    const RoundCosts costs{steps, streams, step_seconds, tile_seconds};
    // Before the last two rounds' worth of tiles all are whole.
    const std::int64_t whole_rounds = std::max<std::int64_t>(tiles / streams - 1, 0);
    const Rounds last = best_rounds(tiles - whole_rounds * streams, costs, kMostSplitRounds);
    std::vector<int> parts_of_rounds(static_cast<std::size_t>(whole_rounds), 1);
    parts_of_rounds.insert(parts_of_rounds.end(), last.parts.begin(), last.parts.end());

    Schedule schedule;
    schedule.makespan = static_cast<double>(whole_rounds) * costs.of(1) + last.seconds;
    std::vector<std::vector<WorkItem>> items(static_cast<std::size_t>(streams));
    std::int64_t tile = 0;
    for (const int parts : parts_of_rounds) {
        const std::int64_t count = std::min(tiles - tile, static_cast<std::int64_t>(streams / parts));
        const auto first_slot = static_cast<std::int32_t>(schedule.parts.size());
        const std::int64_t part_steps = ceil_div(steps, parts);
        for (std::int64_t i = 0; i < count * parts; ++i) {  // the parts of a tile have neighbouring slots
            const auto number = static_cast<std::int32_t>(tile + i / parts);
            const auto index = static_cast<std::int32_t>(i % parts);
            const auto slot = first_slot + static_cast<std::int32_t>(i);
            items[static_cast<std::size_t>(i)].push_back({number, 0, parts == 1 ? -1 : slot});
            if (parts > 1) {
                schedule.parts.push_back(
                    {static_cast<std::int32_t>(index * part_steps),
                     static_cast<std::int32_t>(std::min((index + 1) * part_steps, steps)), index, parts,
                     schedule.split_tiles + static_cast<std::int32_t>(i / parts), slot});
            }
        }
        schedule.split_tiles += parts == 1 ? 0 : static_cast<int>(count);
        tile += count;
    }
    schedule.offsets.assign(1, 0);
    for (const std::vector<WorkItem>& stream : items) {
        schedule.items.insert(schedule.items.end(), stream.begin(), stream.end());
        schedule.offsets.push_back(static_cast<std::int32_t>(schedule.items.size()));
    }
    return schedule;
}

}  // namespace bsk
