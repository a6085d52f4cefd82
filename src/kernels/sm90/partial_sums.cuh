// Adding up a tile of C whose list several streams share.
//
// Each part's sum goes to a buffer of its own; the last part to arrive adds up all buffers in the order of the
// parts, whichever it is itself, so that results are bitwise the same from run to run. Nobody waits for anybody.
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
    PartialSums(int part_count, int split_tiles, int lanes, int width, Stream stream) {
        if (part_count == 0) {
            return;
        }
        const std::int64_t counters = round_up(std::int64_t{4} * split_tiles * lanes, 16);
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
    constexpr int kPartialVectors = kVectors * kWarpgroupThreads;
    if (number < 0) {
        return true;
    }
    const TilePart& part = p.parts[number];
    const int thread = threadIdx.x % kWarpgroupThreads;
    const int stride = lanes * kPartialVectors;  // from part to part
    float4* sums = reinterpret_cast<float4*>(p.partials) + static_cast<std::int64_t>(part.slot) * stride +
                   lane * kPartialVectors + thread;
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
        sums[i * kWarpgroupThreads] = make_float4(acc[4 * i], acc[4 * i + 1], acc[4 * i + 2], acc[4 * i + 3]);
    }
    ptx::named_barrier_sync(barrier_id, kWarpgroupThreads);  // all 128 have written
    const bool last = thread == 0 && ptx::atomic_increment_acq_rel(p.arrivals + part.tile * lanes + lane) ==
                                         static_cast<std::uint32_t>(part.count - 1);
    if (!ptx::named_barrier_or(barrier_id, kWarpgroupThreads, last)) {
        return false;
    }
    sums -= static_cast<std::int64_t>(part.index) * stride;
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
        const float4 x = __ldcg(sums + i * kWarpgroupThreads);
        acc[4 * i] = x.x;
        acc[4 * i + 1] = x.y;
        acc[4 * i + 2] = x.z;
        acc[4 * i + 3] = x.w;
    }
#pragma unroll 1
    for (int index = 1; index < part.count; ++index) {
        sums += stride;
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
