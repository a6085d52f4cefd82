// Host launch of spmm_skinny and its instances: 2 element types x 2 layouts of B x 8 tiles of C.
#include "kernels/sm80/spmm_skinny.cuh"

#include <bit>

#include "base/cuda.h"
#include "base/math.h"
#include "kernels/sm80/spmm_skinny.h"
#include "plan/skinny_tile.h"

namespace bsk {
namespace {

struct Instance {
    const void* kernel;
    int rows;     // of C that a CTA computes
    int columns;  // the same
    int threads;
    int shared_bytes;
};

template <class T, Layout kBLayout, int kRowTiles, int kColumnTiles, int kChunkK, int kWarps, int kDepth,
          int kCtas>
Instance instance() {
    using Config = skinny::Config<T, kBLayout, kRowTiles, kColumnTiles, kChunkK, kWarps, kDepth, kCtas>;
    static_assert(sizeof(skinny::SharedStorage<Config>) <= 99 * 1024, "what every GPU from Ampere on has");
    return {reinterpret_cast<const void*>(skinny::spmm_skinny<Config>), Config::kRows, Config::kColumns,
            Config::kThreads, sizeof(skinny::SharedStorage<Config>)};
}

/// Columns of a chunk, warps, chunks in flight and CTAs on a multiprocessor as measured (docs/worklog/skinny.md).
template <class T, Layout kBLayout>
Instance instance_of_tile(const SpmmLaunch& launch) {
    const SkinnyTile tile = skinny_tile(launch.block_m, launch.n);
    switch (tile.columns) {
        case 8: return instance<T, kBLayout, 1, 1, 64, 8, 2, 4>();
        case 16:
            return tile.rows == 16 ? instance<T, kBLayout, 1, 2, 64, 4, 2, 4>()
                                   : instance<T, kBLayout, 2, 2, 64, 8, 2, 2>();
        case 32:
            return tile.rows == 16 ? instance<T, kBLayout, 1, 4, 64, 8, 2, 2>()
                                   : instance<T, kBLayout, 2, 4, 32, 8, 2, 2>();
        default: break;
    }
    return tile.rows == 16   ? instance<T, kBLayout, 1, 8, 32, 8, 2, 2>()
           : tile.rows == 32 ? instance<T, kBLayout, 2, 8, 32, 4, 4, 2>()
                             : instance<T, kBLayout, 4, 8, 32, 4, 3, 2>();
}

/// As a column of a col-major B a single one is copied in whole pieces of 16 bytes.
SpmmLaunch with_plain_column(SpmmLaunch launch) {
    if (is_plain_column(launch.n, launch.b_layout, launch.ldb)) {
        launch.b_layout = Layout::col_major;
        launch.ldb = 0;  // there is no next column
    }
    return launch;
}

template <class T>
Instance instance_of_layout(const SpmmLaunch& launch) {
    return launch.b_layout == Layout::row_major ? instance_of_tile<T, Layout::row_major>(launch)
                                                : instance_of_tile<T, Layout::col_major>(launch);
}

Instance instance_for(const SpmmLaunch& launch) {
    return launch.dtype == DType::f16 ? instance_of_layout<__half>(launch)
                                      : instance_of_layout<__nv_bfloat16>(launch);
}

}  // namespace

void prepare_spmm_skinny(const SpmmLaunch& launch) {
    const Instance instance = instance_for(with_plain_column(launch));
    check_cuda(cudaFuncSetAttribute(instance.kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    instance.shared_bytes),
               "cudaFuncSetAttribute(spmm_skinny)");
}

void launch_spmm_skinny(const SpmmLaunch& launch, Stream stream) {
    if (launch.m == 0 || launch.n == 0) {
        return;
    }
    SpmmLaunch argument = with_plain_column(launch);
    const Instance instance = instance_for(argument);
    int block_m_shift = std::countr_zero(static_cast<unsigned>(launch.block_m));
    int block_k_shift = std::countr_zero(static_cast<unsigned>(launch.block_k));
    void* arguments[] = {&argument, &block_m_shift, &block_k_shift};
    const dim3 grid(static_cast<unsigned>(ceil_div(launch.m, instance.rows)),
                    static_cast<unsigned>(ceil_div(launch.n, instance.columns)),
                    static_cast<unsigned>(launch.batch));
    check_cuda(
        cudaLaunchKernel(instance.kernel, grid, dim3(static_cast<unsigned>(instance.threads)), arguments,
                         static_cast<std::size_t>(instance.shared_bytes), static_cast<cudaStream_t>(stream)),
        "cudaLaunchKernel(spmm_skinny)");
}

}  // namespace bsk
