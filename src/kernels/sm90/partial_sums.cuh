// Adding up a tile of C whose list several streams share.
//
// Pairwise, up a tree of which the parts are the leaves: of the two sides of a node, the one that arrives first puts its sum into a
// buffer and is done; the other adds it to its own in registers and goes on. Nobody waits for anybody, the last part to arrive
// reads as many sums as the tree has levels, and as a + b is b + a, results are bitwise the same from run to run.
#pragma once

#include <cstdint>
#include <optional>

#include "base/cuda.h"
#include "base/math.h"
#include "base/stream_buffer.h"
#include "kernels/sm90/ptx.cuh"
#include "kernels/sm90/warpgroup.cuh"
#include "plan/schedule.h"

namespace bsk {

/// Where the parts of one launch put their sums and count their arrivals; nothing where no tile is split.
class PartialSums {
public:
    /// @param lanes  CTAs of a cluster times warpgroups that share a tile
    /// @param width  columns of a warpgroup's sums, of which it has 64 rows
    PartialSums(int part_count, int lanes, int width, Stream stream) {
        if (part_count == 0) {
            return;
        }
        const std::int64_t counters = round_up(std::int64_t{4} * part_count * lanes, 16);
        const std::int64_t sums = std::int64_t{4} * 64 * width * part_count * lanes;
        buffer_.emplace(static_cast<std::size_t>(counters + sums), stream);
        arrivals = static_cast<std::int32_t*>(buffer_->data());
        partials = reinterpret_cast<float*>(static_cast<std::byte*>(buffer_->data()) + counters);
        check_cuda(cudaMemsetAsync(arrivals, 0, static_cast<std::size_t>(counters),
                                   static_cast<cudaStream_t>(stream)),
                   "cudaMemsetAsync");
    }
    float* partials = nullptr;
    std::int32_t* arrivals = nullptr;

private:
    std::optional<StreamBuffer> buffer_;
};

/// Hands in `acc`, the sum over part `number` for 64 rows of its tile. True for the last part of the tile to arrive: acc
/// is the sum of all of them then; and for a tile that is not split (number -1). All 128 threads of the warpgroup call it.
///
/// @param p           has parts, partials and arrivals
/// @param lane        CTA of the cluster and rows of the tile, in one number below `lanes`
/// @param barrier_id  its own named barrier
template <int kCount, class Params>
__device__ inline bool add_partial_sums(float (&acc)[kCount], const Params& p, int number, int lane,
                                        int lanes, int barrier_id) {
    // In a buffer thread t has its float4 number i at i*128 + t.
    constexpr int kVectors = kCount / 4;
    if (number < 0) {
        return true;
    }
    const TilePart& part = p.parts[number];
    const int thread = threadIdx.x % kWarpgroupThreads;
    const auto place_of = [&](int index) {  // of part `index` of the tile
        return static_cast<std::int64_t>(part.slot - part.index + index) * lanes + lane;
    };
    const auto sums_of = [&](int index) {
        return reinterpret_cast<float4*>(p.partials) + place_of(index) * (kVectors * kWarpgroupThreads) +
               thread;
    };
#pragma unroll 1
    for (int width = 1; width < part.count; width *= 2) {
        // acc is the sum of `width` parts from `own` on; it belongs to the first of them, and the node to the first on its right.
        const int own = part.index & -width;
        const int left = own & ~width;
        const int right = own | width;
        if (right >= part.count) {
            continue;
        }
        std::int32_t* arrivals = p.arrivals + place_of(right);
        bool second = thread == 0 && ptx::load_acquire(arrivals) != 0;
        if (!ptx::named_barrier_or(barrier_id, kWarpgroupThreads, second)) {
            float4* sums = sums_of(own);
#pragma unroll
            for (int i = 0; i < kVectors; ++i) {
                sums[i * kWarpgroupThreads] =
                    make_float4(acc[4 * i], acc[4 * i + 1], acc[4 * i + 2], acc[4 * i + 3]);
            }
            ptx::named_barrier_sync(barrier_id, kWarpgroupThreads);  // all 128 have written
            second = thread == 0 && ptx::atomic_increment_acq_rel(arrivals) != 0;
            if (!ptx::named_barrier_or(barrier_id, kWarpgroupThreads, second)) {
                return false;
            }
        }
        const float4* sums = sums_of(own == left ? right : left);
#pragma unroll
        for (int i = 0; i < kVectors; ++i) {
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
