#include "plan/cost_model.h"

#include <algorithm>

namespace bsk {

namespace {

constexpr double kElementBytes = 2;  // fp16 and bf16

/// Share of the dense fp16 rate that spmm_sm80 reaches: 120 and 208 of 760 TFLOP/s at blocks of 16 and 32 on an H200
/// (docs/worklog/small-blocks.md).
double sm80_share(int block_m) {
    return block_m >= 32 ? 0.27 : 0.16;
}

}  // namespace

double sm90_step_seconds(const KernelChoice& choice, const DeviceModel& device) {
    const double flops = 2.0 * choice.tile_m * choice.tile_n * kSm90TileK;
    const double math = flops / (device.tensor_tflops * 1e12 / device.sm_count);
    // A comes once for the whole cluster, B for each CTA.
    const double bytes =
        kElementBytes * kSm90TileK * (static_cast<double>(choice.tile_m) / choice.cluster + choice.tile_n);
    const double l2 = bytes / (device.l2_gbps * 1e9 / device.sm_count);
    return std::max(math, l2);
}

double sm90_tile_seconds(const KernelChoice& choice) {
    // 128 rows: both consumer warpgroups store at once, 1500 cycles at 1.5 GHz. 64 rows: the other
    // warpgroup's tile runs meanwhile, what remains is the hand-over.
    return choice.tile_m == 128 ? 1.0e-6 : 0.2e-6;
}

double sm90_small_tile_seconds(const KernelChoice& choice, const GroupWork& work, int unit,
                               const DeviceModel& device) {
    // What units of 32 and of 16 reach of the dense rate and of the L2 rate (docs/worklog/small-blocks.md).
    const double math_share = unit == 32 ? 0.62 : 0.34;
    const double l2_share = unit == 32 ? 0.70 : 0.41;
    const double unit_size = static_cast<double>(unit) * unit;
    const double flops = 2.0 * static_cast<double>(work.units) * unit_size * choice.tile_n;
    const double math = flops / (math_share * device.tensor_tflops * 1e12 / device.sm_count);
    // Units come once for the whole cluster, pieces of B for each CTA.
    const double bytes = kElementBytes * (static_cast<double>(work.units) * unit_size / choice.cluster +
                                          static_cast<double>(work.columns) * unit * choice.tile_n);
    const double l2 = bytes / (l2_share * device.l2_gbps * 1e9 / device.sm_count);
    return 1.5e-6 + std::max(math, l2);  // both consumers store at once, after the first stage has come
}

double memory_seconds(const BsrView& a, const SpmmProblem& problem, const DeviceModel& device) {
    const double a_bytes =
        static_cast<double>(a.nnzb) * a.block_m * a.block_k * static_cast<double>(size_of(a.dtype));
    const double b_bytes =
        static_cast<double>(a.k) * static_cast<double>(problem.n) * static_cast<double>(size_of(a.dtype));
    const double c_bytes = static_cast<double>(a.m) * static_cast<double>(problem.n) *
                           static_cast<double>(size_of(problem.c_dtype));
    return (a_bytes + b_bytes + c_bytes) / (device.memory_gbps * 1e9);
}

double skinny_seconds(const BsrView& a, const SpmmProblem& problem, const DeviceModel& device) {
    return 3e-6 + memory_seconds(a, problem, device) / 0.8;
}

double unscheduled_seconds(KernelId kernel, const BsrView& a, const SpmmProblem& problem,
                           const DeviceModel& device) {
    double share = 1.0;  // of the device's dense fp16 rate
    switch (kernel) {
        case KernelId::spmm_cpu: share = 0.5; break;
        case KernelId::spmm_sm80: share = sm80_share(a.block_m); break;
        case KernelId::spmm_simt: share = 0.02; break;
        case KernelId::spmm_skinny: return skinny_seconds(a, problem, device);
        case KernelId::spmm_sm90:
        case KernelId::spmm_sm90_small: break;
    }
    const double flops =
        2.0 * static_cast<double>(a.nnzb) * a.block_m * a.block_k * static_cast<double>(problem.n);
    return std::max(flops / (share * device.tensor_tflops * 1e12), memory_seconds(a, problem, device));
}

double launch_seconds(const DeviceModel& device) {
    return device.type == DeviceType::cuda ? 4e-6 : 0.0;
}

}  // namespace bsk
