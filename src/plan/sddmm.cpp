#include "plan/sddmm.h"

#include <algorithm>
#include <cstddef>
#include <set>
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

/// The constants of sddmm_sm90. Where neither operand lies along n, units of 32 are loaded by lines of 64 bytes.
std::string cost_variant(const BsrView& a, const SddmmProblem& problem) {
    const int unit = sddmm_unit(a.block_m, a.block_k);
    const bool along_n = problem.d1_layout == Layout::row_major || problem.d2_layout == Layout::col_major;
    return fmt::format("sddmm_sm90/{}{}", unit, along_n || unit > kSddmmLeastUnit ? "" : "t");
}

/// Unit rows and unit columns that the tiles of a round load, each once: in a round the streams go along n together.
std::int64_t units_loaded(const HostSddmmPlan& plan, std::int32_t round, int unit) {
    std::set<std::int32_t> rows;
    std::set<std::int32_t> cols;
    const std::vector<std::int32_t>& offsets = plan.schedule.offsets;
    for (std::size_t stream = 0; stream + 1 < offsets.size(); ++stream) {
        const std::int32_t item = offsets[stream] + round;
        if (item < offsets[stream + 1]) {
            const SddmmTile& tile = plan.tiles[plan.schedule.items[item].tile_row];
            rows.insert(tile.rows, tile.rows + kSddmmTileM / unit);
            cols.insert(tile.cols, tile.cols + kSddmmTileN / unit);
        }
    }
    return static_cast<std::int64_t>(rows.size() + cols.size());
}

/// Of the first stream, which is in every round.
CostTerms busiest_stream(const HostSddmmPlan& plan, const BsrView& a, std::string variant,
                         std::int64_t steps) {
    const int unit = sddmm_unit(a.block_m, a.block_k);
    CostTerms terms;
    terms.variant = std::move(variant);
    std::int64_t units = 0;
    for (std::int32_t round = 0; round < plan.schedule.offsets[1]; ++round) {
        const std::int32_t part = plan.schedule.items[round].part;
        const int parts = part < 0 ? 1 : plan.schedule.parts[part].count;
        terms.tiles += 1;
        terms.steps += static_cast<double>(ceil_div(steps, parts));
        terms.units += 1e6 * sddmm_parts_seconds(parts);
        units += units_loaded(plan, round, unit);
    }
    const auto values = static_cast<double>(a.nnzb) * a.block_m * a.block_k;
    terms.bytes = static_cast<double>(units * unit * plan.problem.n * size_of(a.dtype)) +
                  values * static_cast<double>(size_of(plan.problem.values_dtype));
    return terms;
}

void plan_hopper(HostSddmmPlan& plan, const BsrView& a, const std::vector<std::int32_t>& crow,
                 const std::vector<std::int32_t>& col, const DeviceModel& device) {
    plan.tiles = make_sddmm_tiles(a, crow, col);
    const auto tiles = static_cast<std::int64_t>(plan.tiles.size());
    const std::int64_t steps = ceil_div(plan.problem.n, kSddmmStep);
    const std::string variant = cost_variant(a, plan.problem);
    plan.schedule = make_sddmm_schedule(tiles, steps, device.sm_count, step_seconds(variant, device),
                                        tile_seconds(variant));
    plan.terms = busiest_stream(plan, a, variant, steps);
    plan.predicted_seconds = seconds(plan.terms, device);
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

}  // namespace bsk
