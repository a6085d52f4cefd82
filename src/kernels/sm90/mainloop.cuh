// What spmm_sm90, spmm_sm90_pairs and sddmm_sm90 share: one producer warpgroup, two of consumers, and how a consumer
// multiplies the stages of the ring, each with pieces of both operands.
//
// A stage holds a[rows][64 of k] and b[tile_n columns][64 of k] as wgmma reads them with the 128-byte swizzle:
//
//   K-major   rows of 64 elements of k, one below the other
//   MN-major  for every 64 rows (columns), 64 lines of k with 64 elements of rows (columns); a kernel may take pieces of
//             32 instead, with lines of 64 bytes under the swizzle of as many
#pragma once

#include <cstdint>

#include <bsk/types.h>

#include "kernels/sm90/ptx.cuh"
#include "kernels/sm90/ring.cuh"
#include "kernels/sm90/warpgroup.cuh"
#include "kernels/sm90/wgmma.cuh"
#include "plan/kernels.h"

namespace bsk {

constexpr int kTileK = kSm90TileK;
constexpr int kConsumers = 2;
constexpr int kThreads = (1 + kConsumers) * kWarpgroupThreads;

// Registers of a thread after the roles part: 128*40 + 256*232 = 64512 of the SM's 65536.
constexpr int kProducerRegisters = 40;
constexpr int kConsumerRegisters = 232;

// Named barriers; 0 is __syncthreads.
constexpr int kOrderBarrier = 1;     // + consumer: its turn to start a mainloop
constexpr int kEpilogueBarrier = 3;  // + consumer: its own 128 threads

/// How a consumer warpgroup reads its operands.
/// @tparam kTileN  columns of its sums, 256 or 128
/// @tparam kPiece  rows (columns) of an MN-major piece
template <DType kDType, int kTransposeA, int kTransposeB, int kStages, int kTileN, int kPiece = 64>
struct Mainloop {
    using Sums = float[kTileN / 2];  ///< what a thread has of 64 x kTileN
    using State = PipelineState<kStages>;
    static constexpr int kLineBytesA = kTransposeA ? 2 * kPiece : 128;
    static constexpr int kLineBytesB = kTransposeB ? 2 * kPiece : 128;
    // In units of 16 bytes: 16 columns of k are 32 bytes on in K-major, 16 lines in MN-major.
    static constexpr int kNext16A = kTransposeA ? kLineBytesA : 2;
    static constexpr int kNext16B = kTransposeB ? kLineBytesB : 2;

    /// Releases the stage before `state`, which multiply() holds at its end.
    template <class SharedStorage>
    __device__ static void release_last(SharedStorage& shared, const State& state, int cluster) {
        release_stage(&shared.empty[state.stage == 0 ? kStages - 1 : state.stage - 1], cluster);
    }

    /// Starts acc += a[64 x 64] * b[64 x kTileN] of one stage, as one group; acc = where it is the `first` of a sum.
    __device__ static void start(Sums& acc, const std::uint16_t* a_stage, const std::uint16_t* b_stage,
                                 bool first) {
        const std::uint64_t a = ptx::matrix_descriptor<kLineBytesA>(a_stage, kTileK * kLineBytesA);
        const std::uint64_t b = ptx::matrix_descriptor<kLineBytesB>(b_stage, kTileK * kLineBytesB);
        ptx::wgmma_fence();
#pragma unroll
        for (int k16 = 0; k16 < kTileK / 16; ++k16) {
            ptx::wgmma_m64k16<kDType, kTransposeA, kTransposeB>(acc, a + kNext16A * k16, b + kNext16B * k16,
                                                                k16 > 0 || !first);
        }
        ptx::wgmma_commit();
    }

    /// Sums a[64 x 64] * b[64 x kTileN] of `steps` stages from `state` on in acc, which is not touched where there are none;
    /// the last group is still in flight, its stage held. Calls meanwhile(step) when a step's wgmma are queued.
    ///
    /// @param a_offset  elements from the start of a stage's a to this warpgroup's rows
    template <class SharedStorage, class Meanwhile>
    __device__ static void multiply(Sums& acc, SharedStorage& shared, State& state, int steps, int a_offset,
                                    int cluster, Meanwhile meanwhile) {
#pragma unroll 1
        for (int step = 0; step < steps; ++step) {
            ptx::mbarrier_wait(&shared.full[state.stage], state.phase);
            start(acc, shared.a[state.stage] + a_offset, shared.b[state.stage], step == 0);
            meanwhile(step);
            ptx::wgmma_wait<1>();
            if (step > 0) {
                release_last(shared, state, cluster);
            }
            state.advance();
        }
    }

    /// Waits for the last group and lets nothing read the accumulators before. Where there was none, they are zero.
    __device__ static void finish(Sums& acc, bool none) {
        ptx::wgmma_wait<0>();
        ptx::settle(acc);
        if (none) [[unlikely]] {
#pragma unroll
            for (float& x : acc) {
                asm volatile("mov.f32 %0, 0f00000000;" : "=f"(x));  // a branch, not a select of each
            }
        }
    }
};

}  // namespace bsk
