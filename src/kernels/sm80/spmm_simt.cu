// Host launch of spmm_simt and its instances: 3 tile heights.
#include "kernels/sm80/spmm_simt.cuh"

#include <algorithm>

#include "base/cuda.h"
#include "base/math.h"
#include "kernels/sm80/spmm_sm80.h"

namespace bsk {
namespace {

struct Instance {
    const void* kernel;
    int tile_m;
    int threads;
};

template <int kTileM>
Instance instance() {
    return {reinterpret_cast<const void*>(simt::spmm_simt<kTileM>), kTileM, simt::kThreads<kTileM>};
}

Instance instance_for(const SpmmLaunch& launch) {
    switch (std::min(launch.block_m, 64)) {
        case 16: return instance<16>();
        case 32: return instance<32>();
        default: return instance<64>();
    }
}

}  // namespace

void prepare_spmm_simt(const SpmmLaunch& launch) {
    cudaFuncAttributes attributes{};
    check_cuda(cudaFuncGetAttributes(&attributes, instance_for(launch).kernel),
               "cudaFuncGetAttributes(spmm_simt)");
}

void launch_spmm_simt(const SpmmLaunch& launch, Stream stream) {
    if (launch.m == 0 || launch.n == 0) {
        return;
    }
    const Instance instance = instance_for(launch);
    SpmmLaunch argument = launch;
    int tile_rows = static_cast<int>(ceil_div(launch.m, instance.tile_m));
    void* arguments[] = {&argument, &tile_rows};
    // Below 2^31: C would not fit any memory otherwise.
    const dim3 grid(static_cast<unsigned>(tile_rows * ceil_div(launch.n, simt::kTileN)), 1,
                    static_cast<unsigned>(launch.batch));
    check_cuda(cudaLaunchKernel(instance.kernel, grid, dim3(static_cast<unsigned>(instance.threads)),
                                arguments, 0, static_cast<cudaStream_t>(stream)),
               "cudaLaunchKernel(spmm_simt)");
}

}  // namespace bsk
