// A prefix over the threads of a CTA.
#pragma once

#include <cstdint>

namespace bsk {

struct Sum {
    __device__ static std::int32_t combine(std::int32_t a, std::int32_t b) { return a + b; }
};
struct Maximum {
    __device__ static std::int32_t combine(std::int32_t a, std::int32_t b) { return max(a, b); }
};

/// What the values of this thread and of those before it combine to, and those of all in `all`. Values are not
/// negative. The CTA has kThreads threads, a multiple of 32, those that have ended left out.
template <class Operation, int kThreads>
__device__ inline std::int32_t inclusive_prefix(std::int32_t value, std::int32_t& all) {
    __shared__ std::int32_t of_warp[32];
    const int lane = threadIdx.x % 32;
    const int warp = threadIdx.x / 32;
#pragma unroll
    for (int offset = 1; offset < 32; offset *= 2) {
        const std::int32_t other = __shfl_up_sync(0xFFFFFFFF, value, offset);
        value = lane >= offset ? Operation::combine(other, value) : value;
    }
    if (lane == 31) {
        of_warp[warp] = value;
    }
    __syncthreads();
    all = 0;
    std::int32_t before = 0;
    for (int i = 0; i < kThreads / 32; ++i) {
        before = i < warp ? Operation::combine(before, of_warp[i]) : before;
        all = Operation::combine(all, of_warp[i]);
    }
    __syncthreads();
    return Operation::combine(before, value);
}

}  // namespace bsk
