// What every Hopper kernel does before its roles part, and how the host launches it.
#pragma once

#include <cstddef>
#include <cstdint>

#include <cuda_runtime.h>

#include <bsk/types.h>

#include "base/cuda.h"
#include "kernels/sm90/ptx.cuh"

namespace bsk {

/// Prefetches the tensor maps and initialises the barriers; the kernels' headers say who arrives at them. All threads of
/// the cluster call it; after it any CTA may arrive at another's barriers.
template <int kStages, class SharedStorage>
__device__ inline void start_cluster(SharedStorage& shared, const CUtensorMap& a_map,
                                     const CUtensorMap& b_map, const CUtensorMap* c_map, int full_arrivals,
                                     int empty_arrivals) {
    if (threadIdx.x == 0) {
        ptx::prefetch_tensor_map(&a_map);
        ptx::prefetch_tensor_map(&b_map);
        if (c_map != nullptr) {
            ptx::prefetch_tensor_map(c_map);
        }
        for (int stage = 0; stage < kStages; ++stage) {
            ptx::mbarrier_init(&shared.full[stage], full_arrivals);
            ptx::mbarrier_init(&shared.empty[stage], empty_arrivals);
        }
        for (std::uint64_t& barrier : shared.c_full) {
            ptx::mbarrier_init(&barrier, 1);
        }
        ptx::fence_mbarrier_init();
    }
    ptx::cluster_sync();
}

/// Loads `kernel` on the current device and lets its CTAs have a SharedStorage each.
template <class SharedStorage, class Kernel>
void prepare_clusters(Kernel* kernel) {
    static_assert(sizeof(SharedStorage) <= 227 * 1024, "what a CTA of sm_90 may have");
    check_cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    static_cast<int>(sizeof(SharedStorage))),
               "cudaFuncSetAttribute of a Hopper kernel");
}

/// Launches `clusters` clusters of `cluster` CTAs with a SharedStorage each.
template <class SharedStorage, class... Params>
void launch_clusters(void (*kernel)(Params...), int clusters, int cluster, int threads, Stream stream,
                     const Params&... params) {
    cudaLaunchAttribute attribute{};
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim = {static_cast<unsigned>(cluster), 1, 1};
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(static_cast<unsigned>(clusters * cluster));
    config.blockDim = dim3(static_cast<unsigned>(threads));
    config.dynamicSmemBytes = sizeof(SharedStorage);
    config.stream = static_cast<cudaStream_t>(stream);
    config.attrs = &attribute;
    config.numAttrs = 1;
    check_cuda(cudaLaunchKernelEx(&config, kernel, params...), "Launch of a Hopper kernel");
}

}  // namespace bsk
