// The kernels the planner chooses from, and what each of them needs.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include <bsk/bsr.h>
#include <bsk/device.h>
#include <bsk/plan.h>

namespace bsk {

enum class KernelId : int {
    spmm_cpu = 0,
    spmm_simt,
    spmm_sm80,
    spmm_sm90,
    spmm_sm90_small,
    dense_cublas,
    spmm_skinny,
    spmm_sm90_pairs
};

/// In the order in which they are shown; the planner chooses by predicted time.
inline constexpr std::array kKernels{
    KernelId::spmm_sm90,   KernelId::spmm_sm90_pairs, KernelId::spmm_sm90_small, KernelId::spmm_sm80,
    KernelId::spmm_skinny, KernelId::spmm_simt,       KernelId::dense_cublas,    KernelId::spmm_cpu};

/// How a kernel cuts C.
struct KernelChoice {
    KernelId kernel = KernelId::spmm_cpu;
    int tile_m = 0;  ///< rows of C a CTA computes at a time; sm90 kernels and spmm_sm80, as the next
    int tile_n = 0;  ///< columns of C a CTA computes at a time
    int cluster =
        1;  ///< sm90 kernels: CTAs of a cluster, neighbouring column tiles that share A by multicast
};

// Tile sizes on which planner and kernels agree.
inline constexpr int kSm90TileN = 256;  ///< spmm_sm90, spmm_sm90_pairs: columns of C a CTA computes at a time
inline constexpr int kSm90NarrowTileN = 128;  ///< spmm_sm90 in tiles of 128 rows, where these are few
inline constexpr int kSm90TileK = 64;         ///< spmm_sm90, spmm_sm90_pairs: columns of A in a step
inline constexpr int kSm90SmallTileN = 128;   ///< spmm_sm90_small: columns of C a CTA computes at a time

[[nodiscard]] const char* name(KernelId kernel);
/// The device and the cases a kernel needs, in words.
[[nodiscard]] const char* needs(KernelId kernel);
/// Whether the kernel moves its operands by TMA in an order of work that the plan makes.
[[nodiscard]] bool is_hopper(KernelId kernel);
[[nodiscard]] bool is_built(KernelId kernel);
/// Whether the device itself can run the kernel, whatever the case.
[[nodiscard]] bool runs_on(KernelId kernel, const DeviceModel& device);
/// What this build holds of the kernel for the device.
[[nodiscard]] KernelCode code_for(KernelId kernel, const DeviceModel& device);
/// Whether TMA can read B, or write C and read the residual, as they lie: their lines start and, where it matters, end
/// at multiples of 16 bytes. `problem` has its ld and strides filled in.
[[nodiscard]] bool tma_reads_b(const BsrView& a, const SpmmProblem& problem);
[[nodiscard]] bool tma_writes_c(const BsrView& a, const SpmmProblem& problem);
/// Whether the kernel multiplies by a transpose from values as they are stored. @param a  the transpose
[[nodiscard]] bool reads_transposed(KernelId kernel, const BsrView& a);
/// Why the kernel cannot compute this product on this device; empty when it can. `problem` has its ld filled
/// in.
[[nodiscard]] std::string why_not(KernelId kernel, const BsrView& a, const SpmmProblem& problem,
                                  const DeviceModel& device);

}  // namespace bsk
