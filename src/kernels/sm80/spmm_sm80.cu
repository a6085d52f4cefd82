// Host launch of spmm_sm80 and its instances: 2 element types x 3 tile heights x 2 layouts of B.
#include "kernels/sm80/spmm_sm80.cuh"

#include <bit>

#include "base/cuda.h"
#include "base/math.h"
#include "kernels/sm80/spmm_sm80.h"

namespace bsk {
namespace {

struct Instance {
    const void* kernel;
    int tile_m;
};

template <class T, int kTileM, Layout kBLayout>
Instance instance() {
    static_assert(sizeof(sm80::SharedStorage<kTileM>) <= 48 * 1024, "more needs a function attribute");
    return {reinterpret_cast<const void*>(sm80::spmm_sm80<T, kTileM, kBLayout>), kTileM};
}

template <class T, Layout kBLayout>
Instance instance_of_height(int block_m) {
    switch (std::min(block_m, 64)) {
        case 16: return instance<T, 16, kBLayout>();
        case 32: return instance<T, 32, kBLayout>();
        default: return instance<T, 64, kBLayout>();
    }
}

template <class T>
Instance instance_of_layout(const SpmmLaunch& launch) {
    return launch.b_layout == Layout::row_major ? instance_of_height<T, Layout::row_major>(launch.block_m)
                                                : instance_of_height<T, Layout::col_major>(launch.block_m);
}

Instance instance_for(const SpmmLaunch& launch) {
    return launch.dtype == DType::f16 ? instance_of_layout<__half>(launch)
                                      : instance_of_layout<__nv_bfloat16>(launch);
}

}  // namespace

void prepare_spmm_sm80(const SpmmLaunch& launch) {
    cudaFuncAttributes attributes{};
    check_cuda(cudaFuncGetAttributes(&attributes, instance_for(launch).kernel),
               "cudaFuncGetAttributes(spmm_sm80)");
}

void launch_spmm_sm80(const SpmmLaunch& launch, Stream stream) {
    if (launch.m == 0 || launch.n == 0) {
        return;
    }
    const Instance instance = instance_for(launch);
    SpmmLaunch argument = launch;
    int tile_rows = static_cast<int>(ceil_div(launch.m, instance.tile_m));
    int slice_shift = std::countr_zero(static_cast<unsigned>(launch.block_k / sm80::kSliceK));
    void* arguments[] = {&argument, &tile_rows, &slice_shift};
    // Below 2^31: C would not fit any memory otherwise.
    const dim3 grid(static_cast<unsigned>(tile_rows * ceil_div(launch.n, sm80::kTileN)), 1,
                    static_cast<unsigned>(launch.batch));
    check_cuda(cudaLaunchKernel(instance.kernel, grid, dim3(sm80::kThreads), arguments, 0,
                                static_cast<cudaStream_t>(stream)),
               "cudaLaunchKernel(spmm_sm80)");
}

}  // namespace bsk
