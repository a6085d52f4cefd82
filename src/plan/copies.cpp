#include "plan/copies.h"

#include <fmt/format.h>

#include "plan/cost_model.h"
#include "plan/kernels.h"
#include "plan/skinny_tile.h"
#include "plan/streams.h"
#include "plan/union_lists.h"

namespace bsk {

namespace {

constexpr double kCopyLaunchSeconds =
    2e-6;  // of a launch behind another, as the expansion of A takes (cost_constants.h)
constexpr std::int64_t kL2Line = 128;  // bytes

double copy_seconds(std::int64_t bytes, const DeviceModel& device) {
    return kCopyLaunchSeconds + 2.0 * static_cast<double>(bytes) / (device.memory_gbps * 1e9);
}

/// Whether the kernel cannot load B, or only element by element, which took up to six times as long in all
/// (docs/worklog/epilogues.md).
bool needs_whole_lines(KernelId kernel, const SpmmProblem& problem) {
    return is_hopper(kernel) || kernel == KernelId::spmm_sm80 ||
           (kernel == KernelId::spmm_skinny && problem.n > kSkinnyColumnsByElements);
}

/// How much longer the plan takes where rows of B start off lines of L2, so that boxes of 128 bytes lie in two of them;
/// measured at n = 8136 on an H200 (docs/worklog/epilogues.md).
double share_lost_off_lines(const HostPlan& plan, const BsrView& a) {
    const SpmmProblem& problem = plan.problem;
    if (!is_hopper(plan.choice.kernel) || problem.b_layout != Layout::row_major ||
        problem.ldb * size_of(a.dtype) % kL2Line == 0) {
        return 0;
    }
    if (plan.choice.kernel == KernelId::spmm_sm90) {
        return plan.choice.tile_m == 64 ? 0.30 : 0.06;
    }
    if (plan.choice.kernel == KernelId::spmm_sm90_pairs) {
        return 0.30;  // not measured: as tiles of 64 rows
    }
    return unit_of(a.block_m, a.block_k) == 32 ? 0.14 : 0.02;
}

/// How much longer a Hopper kernel takes where threads store C in place of TMA: element by element, of which a multiprocessor stores
/// so many a second (docs/worklog/epilogues.md).
double store_seconds(const HostPlan& plan, const BsrView& a, const DeviceModel& device) {
    const double rate = defers_store(plan) ? 6.5e9 : 12e9;
    return static_cast<double>(a.m * plan.problem.n * plan.problem.batch) / (rate * device.sm_count);
}

}  // namespace

void plan_copies(HostPlan& plan, const BsrView& a, const DeviceModel& device) {
    const SpmmProblem& problem = plan.problem;
    const std::int64_t columns = problem.n * problem.batch;
    const double copy_of_b = copy_seconds(a.k * columns * size_of(a.dtype), device);
    const double lost =
        share_lost_off_lines(plan, a) * (plan.predicted_seconds - fixed_seconds(plan.terms, device));
    const bool must_copy_b = needs_whole_lines(plan.choice.kernel, problem) && !tma_reads_b(a, problem);
    plan.copies_b = !plan.transposes_b && (must_copy_b || lost > copy_of_b);  // a transpose has whole lines
    const double copy_of_c = copy_seconds(a.m * columns * size_of(problem.c_dtype), device);
    const double store_of_c = store_seconds(plan, a, device);
    const bool by_tma = !is_hopper(plan.choice.kernel) || tma_writes_c(a, problem);
    plan.copies_c = !by_tma && copy_of_c < store_of_c;
    plan.stores_c_by_threads = !by_tma && !plan.copies_c;
    const double copies = (plan.copies_b ? copy_of_b : 0) + (plan.copies_c ? copy_of_c : 0);
    plan.predicted_seconds +=
        copies + (plan.copies_b ? 0 : lost) + (plan.stores_c_by_threads ? store_of_c : 0);
    if (plan.copies_b || plan.copies_c) {
        plan.reasons.push_back(
            fmt::format("{} copied to lines that start and end where {} can use them whole: {:.3f} ms.",
                        !plan.copies_c   ? "B is"
                        : !plan.copies_b ? "C is"
                                         : "B and C are",
                        name(plan.choice.kernel), 1e3 * copies));
    }
    if (plan.stores_c_by_threads) {
        plan.reasons.push_back(fmt::format(
            "Threads store C element by element, as its lines do not start and end at multiples of 16 "
            "bytes: {:.3f} ms; with beta != 0 the residual is copied to lines that do.",
            1e3 * store_of_c));
    }
}

}  // namespace bsk
