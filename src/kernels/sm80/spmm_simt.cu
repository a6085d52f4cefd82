// Host launch of spmm_simt and its instances: 3 tile heights.
#include "kernels/sm80/spmm_simt.cuh"

#include <algorithm>

#include "base/cuda.h"
#include "base/math.h"
#include "kernels/sm80/spmm_sm80.h"

namespace bsk {
namespace {

template <int kTileM>
void launch_tiles(SpmmLaunch launch, Stream stream) {
    int tile_rows = static_cast<int>(ceil_div(launch.m, kTileM));
    void* arguments[] = {&launch, &tile_rows};
    // Below 2^31: C would not fit any memory otherwise.
    const dim3 grid(static_cast<unsigned>(tile_rows * ceil_div(launch.n, simt::kTileN)));
    check_cuda(
        cudaLaunchKernel(reinterpret_cast<const void*>(simt::spmm_simt<kTileM>), grid,
                         dim3(simt::kThreads<kTileM>), arguments, 0, static_cast<cudaStream_t>(stream)),
        "cudaLaunchKernel(spmm_simt)");
}

}  // namespace

void launch_spmm_simt(const SpmmLaunch& launch, Stream stream) {
    if (launch.m == 0 || launch.n == 0) {
        return;
    }
    switch (std::min(launch.block_m, 64)) {
        case 16: return launch_tiles<16>(launch, stream);
        case 32: return launch_tiles<32>(launch, stream);
        default: return launch_tiles<64>(launch, stream);
    }
}

}  // namespace bsk
