// Adding up a tile of C whose block list several streams share.
//
// Each part's sum goes to a buffer of its own; the last part to arrive adds up all buffers in the order of the
// parts, whichever it is itself, so that results are bitwise the same from run to run. Nobody waits for anybody.
#pragma once

#include <cstdint>

#include "kernels/sm90/epilogue.cuh"
#include "kernels/sm90/ptx.cuh"
#include "kernels/sm90/tile_walk.cuh"

namespace bsk {

/// 64 x 256 accumulators of a warpgroup; in a buffer thread t has its float4 number i at i*128 + t.
constexpr int kPartialVectors = 64 * 256 / 4;

/// Hands in `acc`, the part's sum of 64 rows of its tile. True for the last part of the tile to arrive: acc is
/// the sum of all of them then. All 128 threads of the warpgroup call it.
///
/// @param lane        CTA of the cluster and rows of the tile, in one number below `lanes`
/// @param barrier_id  its own named barrier
__device__ inline bool add_partial_sums(float (&acc)[128], const SpmmSm90Params& p, const TilePart& part, int lane,
                                        int lanes, int barrier_id) {
    const int thread = threadIdx.x % kWarpgroupThreads;
    const int stride = lanes * kPartialVectors;  // from part to part
    float4* sums = reinterpret_cast<float4*>(p.partials) + static_cast<std::int64_t>(part.slot) * stride +
                   lane * kPartialVectors + thread;
#pragma unroll
    for (int i = 0; i < 32; ++i) {
        sums[i * kWarpgroupThreads] = make_float4(acc[4 * i], acc[4 * i + 1], acc[4 * i + 2], acc[4 * i + 3]);
    }
    __threadfence();
    ptx::named_barrier_sync(barrier_id, kWarpgroupThreads);  // all 128 have written
    const bool last =
        thread == 0 && atomicAdd(p.arrivals + part.tile * lanes + lane, 1) == part.count - 1;
    if (!ptx::named_barrier_or(barrier_id, kWarpgroupThreads, last)) {
        return false;
    }
    __threadfence();
#pragma unroll
    for (float& x : acc) {
        x = 0.0F;
    }
    sums -= static_cast<std::int64_t>(part.index) * stride;
#pragma unroll 1
    for (int left = part.count; left > 0; --left, sums += stride) {
#pragma unroll
        for (int i = 0; i < 32; ++i) {
            const float4 x = __ldcg(sums + i * kWarpgroupThreads);
            acc[4 * i] += x.x;
            acc[4 * i + 1] += x.y;
            acc[4 * i + 2] += x.z;
            acc[4 * i + 3] += x.w;
        }
    }
    return true;
}

}  // namespace bsk
