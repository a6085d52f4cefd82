// Host launch of sddmm_sm80 and its instances: 2 element types x 3 tile heights x 2 layouts of D1 x 2 of D2.
#include "kernels/sm80/sddmm_sm80.cuh"

#include "base/cuda.h"
#include "base/math.h"
#include "kernels/sm80/sddmm_sm80.h"

namespace bsk {
namespace {

struct Instance {
    void (*kernel)(SddmmLaunch);
    int tile_m;
};

template <class T, int kTileM>
Instance instance_of_layouts(const SddmmLaunch& launch) {
    constexpr Layout kRow = Layout::row_major;
    constexpr Layout kCol = Layout::col_major;
    const bool d2_by_rows = launch.d2_layout == kRow;
    if (launch.d1_layout == kRow) {
        return {d2_by_rows ? sm80::sampled::sddmm_sm80<T, kTileM, kRow, kRow>
                           : sm80::sampled::sddmm_sm80<T, kTileM, kRow, kCol>,
                kTileM};
    }
    return {d2_by_rows ? sm80::sampled::sddmm_sm80<T, kTileM, kCol, kRow>
                       : sm80::sampled::sddmm_sm80<T, kTileM, kCol, kCol>,
            kTileM};
}

template <class T>
Instance instance_of_height(const SddmmLaunch& launch) {
    switch (std::min(launch.block_m, 64)) {
        case 16: return instance_of_layouts<T, 16>(launch);
        case 32: return instance_of_layouts<T, 32>(launch);
        default: return instance_of_layouts<T, 64>(launch);
    }
}

Instance instance_for(const SddmmLaunch& launch) {
    return launch.dtype == DType::f16 ? instance_of_height<__half>(launch)
                                      : instance_of_height<__nv_bfloat16>(launch);
}

}  // namespace

void prepare_sddmm_sm80(const SddmmLaunch& launch) {
    cudaFuncAttributes attributes{};
    check_cuda(cudaFuncGetAttributes(&attributes, instance_for(launch).kernel),
               "cudaFuncGetAttributes(sddmm_sm80)");
}

void launch_sddmm_sm80(const SddmmLaunch& launch, Stream stream) {
    const Instance instance = instance_for(launch);
    const dim3 grid(
        static_cast<unsigned>(ceil_div(launch.m, launch.block_m) * (launch.block_m / instance.tile_m)),
        static_cast<unsigned>(ceil_div(launch.longest_row * launch.block_k, sm80::sampled::kTileN)));
    instance.kernel<<<grid, sm80::sampled::kThreads, 0, static_cast<cudaStream_t>(stream)>>>(launch);
    check_cuda(cudaGetLastError(), "the launch of sddmm_sm80");
}

}  // namespace bsk
