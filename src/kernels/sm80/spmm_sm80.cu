// Host launch of spmm_sm80 and its instances: 2 element types x 2 layouts of B x the tiles of C, some with more
// stages where shared memory has room.
#include "kernels/sm80/spmm_sm80.cuh"

#include <bit>

#include "base/cuda.h"
#include "base/math.h"
#include "kernels/sm80/spmm_sm80.h"

namespace bsk {
namespace {

struct Instance {
    const void* kernel;
    int rows;     // of C that a CTA computes
    int columns;  // the same
    int threads;
    int shared_bytes;
    int ctas;  // of a multiprocessor, as far as registers go
};

template <class Config>
Instance instance() {
    return {reinterpret_cast<const void*>(sm80::spmm_sm80<Config>),
            Config::kTileM,
            Config::kTileN,
            Config::kThreads,
            sizeof(sm80::SharedStorage<Config>),
            Config::kCtas};
}

template <class Config>
Instance instance_everywhere() {
    static_assert(sizeof(sm80::SharedStorage<Config>) <= 99 * 1024, "what every GPU from Ampere on has");
    return instance<Config>();
}

/// `deep`, of more stages, where all its CTAs find room in the shared memory of a multiprocessor of the current device, as
/// on Hopper; else `shallow`.
Instance deepest_that_fits(const Instance& deep, const Instance& shallow) {
    constexpr int kReserved = 1024;  // bytes that the driver takes of each CTA
    int device = 0;
    int bytes = 0;
    check_cuda(cudaGetDevice(&device), "cudaGetDevice");
    check_cuda(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerMultiprocessor, device),
               "cudaDeviceGetAttribute");
    return bytes >= deep.ctas * (deep.shared_bytes + kReserved) ? deep : shallow;
}

/// Steps, stages, warps and CTAs on a multiprocessor as measured (docs/worklog/sm80.md).
template <class T, Layout kBLayout>
Instance instance_of_tile(const KernelChoice& choice) {
    using sm80::Config;
    if (choice.tile_m == 16) {
        return instance_everywhere<Config<T, kBLayout, 16, 256, 32, 4, 1, 4, 4>>();
    }
    if (choice.tile_m == 32) {
        return instance_everywhere<Config<T, kBLayout, 32, 256, 32, 3, 1, 4, 3>>();
    }
    if (choice.tile_m == 128) {
        return deepest_that_fits(instance<Config<T, kBLayout, 128, 128, 64, 3, 2, 2, 2>>(),
                                 instance_everywhere<Config<T, kBLayout, 128, 128, 64, 2, 2, 2, 2>>());
    }
    if (choice.tile_n == 128) {
        return deepest_that_fits(instance<Config<T, kBLayout, 64, 128, 64, 3, 2, 2, 3>>(),
                                 instance_everywhere<Config<T, kBLayout, 64, 128, 64, 2, 2, 2, 3>>());
    }
    const Instance wide = instance_everywhere<Config<T, kBLayout, 64, 256, 64, 2, 1, 4, 2>>();
    if constexpr (kBLayout == Layout::row_major) {
        return deepest_that_fits(instance<Config<T, kBLayout, 64, 256, 32, 5, 1, 4, 2>>(), wide);
    } else {
        return wide;  // steps of 32 would read half of each line of a column
    }
}

template <class T>
Instance instance_of_layout(const SpmmLaunch& launch) {
    return launch.b_layout == Layout::row_major ? instance_of_tile<T, Layout::row_major>(launch.choice)
                                                : instance_of_tile<T, Layout::col_major>(launch.choice);
}

Instance instance_for(const SpmmLaunch& launch) {
    return launch.dtype == DType::f16 ? instance_of_layout<__half>(launch)
                                      : instance_of_layout<__nv_bfloat16>(launch);
}

}  // namespace

void prepare_spmm_sm80(const SpmmLaunch& launch) {
    const Instance instance = instance_for(launch);
    check_cuda(cudaFuncSetAttribute(instance.kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    instance.shared_bytes),
               "cudaFuncSetAttribute(spmm_sm80)");
}

void launch_spmm_sm80(const SpmmLaunch& launch, Stream stream) {
    if (launch.m == 0 || launch.n == 0) {
        return;
    }
    const Instance instance = instance_for(launch);
    SpmmLaunch argument = launch;
    int tile_rows = static_cast<int>(ceil_div(launch.m, instance.rows));
    int k_shift = std::countr_zero(static_cast<unsigned>(launch.block_k));
    void* arguments[] = {&argument, &tile_rows, &k_shift};
    // Below 2^31: C would not fit any memory otherwise.
    const dim3 grid(static_cast<unsigned>(tile_rows * ceil_div(launch.n, instance.columns)), 1,
                    static_cast<unsigned>(launch.batch));
    check_cuda(
        cudaLaunchKernel(instance.kernel, grid, dim3(static_cast<unsigned>(instance.threads)), arguments,
                         static_cast<std::size_t>(instance.shared_bytes), static_cast<cudaStream_t>(stream)),
        "cudaLaunchKernel(spmm_sm80)");
}

}  // namespace bsk
