#include "plan/planner.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "base/math.h"
#include "format/indices.h"
#include "plan/copies.h"
#include "plan/cost_model.h"
#include "plan/cost_terms.h"
#include "plan/schedule_hopper.h"

namespace bsk {

namespace {

KernelId kernel_of(const std::string& kernel_name) {
    for (const KernelId kernel : kKernels) {
        if (kernel_name == name(kernel)) {
            return kernel;
        }
    }
    std::vector<std::string_view> names;
    std::transform(kKernels.begin(), kKernels.end(), std::back_inserter(names),
                   [](KernelId kernel) { return name(kernel); });
    fail(ErrorCode::invalid_argument, "kernel \"{}\" is not known; expected one of {}.", kernel_name,
         fmt::join(names, ", "));
}

/// why_not, and what the plan's options and this process ask for.
std::string why_not_here(KernelId kernel, const BsrView& a, const SpmmProblem& problem,
                         const DeviceModel& device, const PlanOptions& options,
                         const std::string& no_cublas) {
    if (std::string reason = why_not(kernel, a, problem, device); !reason.empty()) {
        return reason;
    }
    if (options.dynamic && kernel == KernelId::spmm_sm90_small &&
        a.k > std::int64_t{kMostDynamicSteps} * kGroupStepK) {
        return fmt::format("the plan is dynamic, and the device makes lists of up to {} columns of A",
                           kMostDynamicSteps * kGroupStepK);
    }
    if (options.dynamic && kernel == KernelId::spmm_sm90_pairs) {
        return "the plan is dynamic, and rows are paired on the host";
    }
    return kernel == KernelId::dense_cublas ? no_cublas : "";
}

/// why_not_here, and which kernels are chosen only by name.
std::string why_not_chosen(KernelId kernel, const BsrView& a, const SpmmProblem& problem,
                           const DeviceModel& device, const PlanOptions& options,
                           const std::string& no_cublas) {
    std::string reason = why_not_here(kernel, a, problem, device, options, no_cublas);
    if (reason.empty() && kernel == KernelId::spmm_sm90_small && a.block_m % kBandRows == 0) {
        // It was as fast at best, and its lists would cost the host time (docs/worklog/cost-model.md).
        const KernelId better = a.block_m == kPairBlockRows ? KernelId::spmm_sm90_pairs : KernelId::spmm_sm90;
        if (why_not_here(better, a, problem, device, options, no_cublas).empty()) {
            return fmt::format("{} is the kernel for blocks of {}x{}", name(better), a.block_m, a.block_k);
        }
    }
    return reason;
}

/// A kernel that computes the product, and the least time it may be predicted to take.
struct Candidate {
    KernelId kernel = KernelId::spmm_cpu;
    double least_seconds = 0;
};

/// The kernels that compute the product, by least time; why the device's others do not, in `reasons`.
std::vector<Candidate> find_candidates(const BsrView& a, std::int64_t longest_row, const SpmmProblem& problem,
                                       const DeviceModel& device, const PlanOptions& options,
                                       const std::string& no_cublas, std::vector<std::string>& reasons) {
    std::vector<Candidate> candidates;
    for (const KernelId kernel : kKernels) {
        if (kernel == KernelId::dense_cublas && options.policy == Policy::sparse) {
            continue;
        }
        const std::string reason = why_not_chosen(kernel, a, problem, device, options, no_cublas);
        if (reason.empty()) {
            candidates.push_back({kernel, least_seconds(kernel, a, longest_row, problem, device)});
        } else if (device.type == DeviceType::cuda && kernel != KernelId::spmm_cpu) {
            reasons.push_back(fmt::format("Not {}: {}.", name(kernel), reason));
        }
    }
    require(!candidates.empty(), ErrorCode::unsupported,
            "No kernel of this build runs on {} (compute capability {}.{}): they need 8.0 or later; the CPU "
            "backend computes every case.",
            device.name, device.cc_major, device.cc_minor);
    std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& x, const Candidate& y) {
        return x.least_seconds < y.least_seconds;
    });
    return candidates;
}

/// Adds the expansion of A to the plan.
void plan_dense(HostPlan& plan, const BsrView& a, const DeviceModel& device, const PlanOptions& options) {
    plan.packed_bytes = a.m * round_up(a.k, 8) * size_of(a.dtype);
    const double expansion = expand_seconds(a, device);
    if (!options.packed_values) {
        plan.predicted_seconds += expansion;
    }
    plan.reasons.push_back(
        fmt::format("A as a dense matrix takes {:.1f} MiB; expanding it takes {:.4f} ms, {}.",
                    static_cast<double>(plan.packed_bytes) / (1 << 20), 1e3 * expansion,
                    options.packed_values ? "once" : "in every product"));
}

/// Adds the transposed copy of the values to the plan.
void plan_transposition(HostPlan& plan, const BsrView& a, const DeviceModel& device,
                        const PlanOptions& options) {
    plan.transposes_values = true;
    const double transposition = transpose_values_seconds(a, device);
    if (plan.packed_bytes == 0) {
        plan.packed_bytes = a.nnzb * a.block_m * a.block_k * size_of(a.dtype);
    }
    if (!options.packed_values) {
        plan.predicted_seconds += transposition;
    }
    plan.reasons.push_back(fmt::format("The values' blocks are transposed to a copy in {:.4f} ms, {}.",
                                       1e3 * transposition,
                                       options.packed_values ? "once" : "in every product"));
}

/// Chooses the tile of C of spmm_sm80, and whether B is transposed.
void plan_sm80(HostPlan& plan, const BsrView& a, std::int64_t longest_row, const DeviceModel& device) {
    const Sm80Choice choice = choose_sm80(a, longest_row, plan.problem, device);
    plan.choice.tile_m = choice.tile.rows;
    plan.choice.tile_n = choice.tile.columns;
    plan.transposes_b = choice.transposes_b;
    plan.terms = choice.terms;
    plan.predicted_seconds = choice.seconds;
    plan.reasons.push_back(
        fmt::format("Tiles of {}x{} of C, one a CTA, down the rows of a strip of columns first.",
                    choice.tile.rows, choice.tile.columns));
    if (choice.transposes_b) {
        plan.reasons.push_back(fmt::format(
            "B is transposed to a row-major copy in {:.4f} ms: by columns, blocks of {} columns "
            "of A would read it in pieces of {} bytes.",
            1e3 * transpose_b_seconds(a, plan.problem, device), a.block_k, a.block_k * size_of(a.dtype)));
    }
}

/// The plan by one kernel that computes the product; its reasons do not say why this kernel.
HostPlan plan_kernel(KernelId kernel, const BsrView& a, const std::vector<std::int32_t>& crow,
                     const std::vector<std::int32_t>& col, const SpmmProblem& problem,
                     const DeviceModel& device, const PlanOptions& options) {
    HostPlan plan;
    plan.problem = problem;
    plan.choice.kernel = kernel;
    switch (kernel) {
        case KernelId::spmm_sm90: schedule_sm90(plan, a, crow, device, options.dynamic); break;
        case KernelId::spmm_sm90_pairs: schedule_sm90_pairs(plan, a, crow, col, device); break;
        case KernelId::spmm_sm90_small:
            schedule_sm90_small(plan, a, crow, col, device, options.dynamic);
            break;
        case KernelId::spmm_sm80: plan_sm80(plan, a, longest_row(crow), device); break;
        case KernelId::spmm_skinny:
        case KernelId::spmm_simt:
        case KernelId::spmm_cpu:
        case KernelId::dense_cublas:
            plan.terms = unscheduled_terms(kernel, a, longest_row(crow), problem, device);
            plan.predicted_seconds = seconds(plan.terms, device);
    }
    plan_copies(plan, a, device);
    if (kernel == KernelId::dense_cublas) {
        plan_dense(plan, a, device, options);
    }
    if (problem.transpose_a && !reads_transposed(kernel, a)) {
        plan_transposition(plan, a, device, options);
    }
    if (options.dynamic) {
        plan.reasons.emplace_back("Dynamic: replan() replaces the pattern, kernel and tiles stay.");
    }
    return plan;
}

}  // namespace

HostPlan plan_spmm(const BsrView& a, const std::vector<std::int32_t>& crow,
                   const std::vector<std::int32_t>& col, const SpmmProblem& problem,
                   const DeviceModel& device, const PlanOptions& options, const std::string& no_cublas) {
    require(!(options.dynamic && problem.transpose_a), ErrorCode::unsupported,
            "A plan with transpose_a cannot be dynamic; make a new plan for a new pattern.");
    if (!options.kernel.empty()) {
        const KernelId kernel = kernel_of(options.kernel);
        const std::string reason = why_not_here(kernel, a, problem, device, options, no_cublas);
        require(reason.empty(), ErrorCode::unsupported, "Kernel {} cannot compute this product on {}: {}.",
                options.kernel, device.name, reason);
        HostPlan plan = plan_kernel(kernel, a, crow, col, problem, device, options);
        plan.reasons.insert(plan.reasons.begin(), fmt::format("{}: asked for by the caller.", name(kernel)));
        return plan;
    }
    std::vector<std::string> reasons;
    std::optional<HostPlan> best;
    const auto drop = [&](KernelId kernel, const char* comparison, double seconds) {
        reasons.push_back(
            fmt::format("Not {}: predicted to take {}{:.4f} ms.", name(kernel), comparison, 1e3 * seconds));
    };
    // By least time: a kernel that cannot win is not planned in detail.
    for (const auto& [kernel, least] :
         find_candidates(a, longest_row(crow), problem, device, options, no_cublas, reasons)) {
        if (best && least >= best->predicted_seconds) {
            drop(kernel, "at least ", least);
            continue;
        }
        HostPlan plan = plan_kernel(kernel, a, crow, col, problem, device, options);
        if (best) {
            if (plan.predicted_seconds < best->predicted_seconds) {
                std::swap(*best, plan);
            }
            drop(plan.choice.kernel, "", plan.predicted_seconds);
        } else {
            best = std::move(plan);
        }
    }
    reasons.push_back(
        fmt::format("{}: the fastest, as predicted, of the kernels that compute this product here.",
                    name(best->choice.kernel)));
    best->reasons.insert(best->reasons.begin(), reasons.begin(), reasons.end());
    return *std::move(best);
}

}  // namespace bsk
