// Warps and warpgroups, by which the Hopper kernels give out their roles.
#pragma once

namespace bsk {

constexpr int kWarpgroupThreads = 128;

/// `value`, which is the same in the whole warp, through a shuffle, so that the compiler knows that it is.
template <class T>
__device__ inline T same_in_warp(T value) {
    return __shfl_sync(0xFFFFFFFF, value, 0);
}

}  // namespace bsk
