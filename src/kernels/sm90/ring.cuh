// The ring of stages in shared memory through which the producers of every Hopper kernel feed its consumers: the producers
// wait at a stage's `empty` barrier and fill it, the consumers wait at its `full` barrier, read it and release it.
#pragma once

#include <cstdint>

#include "kernels/sm90/ptx.cuh"
#include "kernels/sm90/warpgroup.cuh"

namespace bsk {

/// Position in the ring: the only owner of stage and phase. A stage's barrier completes one phase a round.
template <int kStages>
struct PipelineState {
    int stage = 0;
    std::uint32_t phase = 0;

    __device__ void advance() {
        if (++stage == kStages) {
            stage = 0;
            phase ^= 1;
        }
    }
    __device__ void advance(int steps) {
        const int next = stage + steps;
        phase ^= (next / kStages) & 1;
        stage = next % kStages;
    }
};

/// What a producer ends with: waits until all is read that was loaded before `state`. No CTA of the cluster reaches for this
/// one's shared memory then.
template <int kStages>
__device__ inline void wait_until_read(std::uint64_t (&empty)[kStages], PipelineState<kStages> state) {
    for (int i = 0; i < kStages; ++i) {
        ptx::mbarrier_wait(&empty[state.stage], state.phase ^ 1);
        state.advance();
    }
}

/// Tells the producers of all CTAs of the cluster that a warpgroup has read the stage of this `empty` barrier. wgmma keeps
/// its four warps together.
__device__ inline void release_stage(std::uint64_t* empty, int cluster) {
    const int thread = threadIdx.x % kWarpgroupThreads;
    if (thread < cluster) {
        ptx::mbarrier_arrive_cluster(empty, thread);
    }
}

/// The same of one warp alone.
__device__ inline void release_stage_of_warp(std::uint64_t* empty, int cluster) {
    const int lane = threadIdx.x % 32;
    if (lane < cluster) {
        ptx::mbarrier_arrive_cluster(empty, lane);
    }
}

}  // namespace bsk
