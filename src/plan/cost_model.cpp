#include "plan/cost_model.h"

#include <algorithm>

namespace bsk {

namespace {

constexpr double kElementBytes = 2;  // fp16 and bf16

/// What spmm_sm90_small reaches of the dense rate (docs/worklog/small-blocks.md).
double small_math_share(int unit) {
    return unit == 32 ? 0.62 : 0.34;
}

/// The best share of the device's dense fp16 rate that a kernel reaches.
double rate_share(KernelId kernel, const BsrView& a) {
    switch (kernel) {
        case KernelId::spmm_cpu: return 0.5;
        case KernelId::spmm_simt: return 0.02;
        // 120 and 208 of 760 TFLOP/s at blocks of 16 and 32 on an H200 (docs/worklog/small-blocks.md).
        case KernelId::spmm_sm80: return a.block_m >= 32 ? 0.27 : 0.16;
        case KernelId::spmm_sm90:
        case KernelId::dense_cublas: return 1.0;
        case KernelId::spmm_sm90_small: return small_math_share(unit_of(a.block_m, a.block_k));
    }
    return 1.0;
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
    const double l2_share = unit == 32 ? 0.70 : 0.41;  // of the L2 rate (docs/worklog/small-blocks.md)
    const double unit_size = static_cast<double>(unit) * unit;
    const double flops = 2.0 * static_cast<double>(work.units) * unit_size * choice.tile_n;
    const double math = flops / (small_math_share(unit) * device.tensor_tflops * 1e12 / device.sm_count);
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
    return (a_bytes + static_cast<double>(problem.batch) * (b_bytes + c_bytes)) / (device.memory_gbps * 1e9);
}

namespace {

/// `dense` stores every element.
double dense_seconds(const BsrView& dense, const SpmmProblem& problem, const DeviceModel& device) {
    const double flops =
        2.0 * static_cast<double>(dense.nnzb) * static_cast<double>(problem.n * problem.batch);
    return std::max(flops / (device.tensor_tflops * 1e12), memory_seconds(dense, problem, device));
}

}  // namespace

double least_seconds(KernelId kernel, const BsrView& a, std::int64_t longest_row, const SpmmProblem& problem,
                     const DeviceModel& device) {
    if (kernel == KernelId::dense_cublas) {
        BsrView dense = a;  // every element stored
        dense.block_m = 1;
        dense.block_k = 1;
        dense.nnzb = a.m * a.k;
        return launch_seconds(device) + dense_seconds(dense, problem, device);
    }
    const double share = rate_share(kernel, a);  // of the device's dense fp16 rate
    const double block_flops = 2.0 * a.block_m * a.block_k * static_cast<double>(problem.n * problem.batch);
    double math = static_cast<double>(a.nnzb) * block_flops / (share * device.tensor_tflops * 1e12);
    if (kernel == KernelId::spmm_sm80 || kernel == KernelId::spmm_simt) {
        // A CTA computes 64 x 128 of C, four at a time on an SM: none ends before its row of A is done.
        const double step_flops = 2.0 * std::min(a.block_m, 64) * 128 * a.block_k;
        const double sm_rate = share * device.tensor_tflops * 1e12 / device.sm_count;
        math = std::max(math, static_cast<double>(longest_row) * step_flops / (sm_rate / 4));
    }
    return launch_seconds(device) + std::max(math, memory_seconds(a, problem, device));
}

double pack_seconds(std::int64_t bytes, const DeviceModel& device) {
    return launch_seconds(device) + 2.0 * static_cast<double>(bytes) / (device.memory_gbps * 1e9);
}

double expand_seconds(const BsrView& a, const DeviceModel& device) {
    const double stored = static_cast<double>(a.nnzb) * a.block_m * a.block_k;
    const double bytes = kElementBytes * (stored + static_cast<double>(a.m) * static_cast<double>(a.k));
    return launch_seconds(device) + bytes / (device.memory_gbps * 1e9);
}

double launch_seconds(const DeviceModel& device) {
    return device.type == DeviceType::cuda ? 4e-6 : 0.0;
}

}  // namespace bsk
