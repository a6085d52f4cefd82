// Host launch of spmm_sm80 and its instances: 2 element types x 3 tile heights x 2 layouts of B.
#include "kernels/sm80/spmm_sm80.cuh"

#include <bit>

#include "base/cuda.h"
#include "base/math.h"
#include "kernels/sm80/spmm_sm80.h"

namespace bsk {
namespace {

template <class T, int kTileM, Layout kBLayout>
void launch_tiles(SpmmLaunch launch, Stream stream) {
    static_assert(sizeof(sm80::SharedStorage<kTileM>) <= 48 * 1024, "more needs a function attribute");
    int tile_rows = static_cast<int>(ceil_div(launch.m, kTileM));
    int slice_shift = std::countr_zero(static_cast<unsigned>(launch.block_k / sm80::kSliceK));
    void* arguments[] = {&launch, &tile_rows, &slice_shift};
    // Below 2^31: C would not fit any memory otherwise.
    const dim3 grid(static_cast<unsigned>(tile_rows * ceil_div(launch.n, sm80::kTileN)));
    check_cuda(cudaLaunchKernel(reinterpret_cast<const void*>(sm80::spmm_sm80<T, kTileM, kBLayout>), grid,
                                dim3(sm80::kThreads), arguments, 0, static_cast<cudaStream_t>(stream)),
               "cudaLaunchKernel(spmm_sm80)");
}

template <class T, Layout kBLayout>
void launch_height(const SpmmLaunch& launch, Stream stream) {
    switch (std::min(launch.block_m, 64)) {
        case 16: return launch_tiles<T, 16, kBLayout>(launch, stream);
        case 32: return launch_tiles<T, 32, kBLayout>(launch, stream);
        default: return launch_tiles<T, 64, kBLayout>(launch, stream);
    }
}

template <class T>
void launch_layout(const SpmmLaunch& launch, Stream stream) {
    if (launch.b_layout == Layout::row_major) {
        launch_height<T, Layout::row_major>(launch, stream);
    } else {
        launch_height<T, Layout::col_major>(launch, stream);
    }
}

}  // namespace

void launch_spmm_sm80(const SpmmLaunch& launch, Stream stream) {
    if (launch.m == 0 || launch.n == 0) {
        return;
    }
    if (launch.dtype == DType::f16) {
        launch_layout<__half>(launch, stream);
    } else {
        launch_layout<__nv_bfloat16>(launch, stream);
    }
}

}  // namespace bsk
