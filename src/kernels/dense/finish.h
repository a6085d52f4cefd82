// The epilogue of a product that a library computed.
#pragma once

#include <cstdint>

#include "base/math.h"
#include "kernels/spmm_launch.h"

namespace bsk {

/// How the product lies before its epilogue: in fp32, line by line in C's layout.
struct SumsLayout {
    std::int64_t ld = 0;
    std::int64_t stride = 0;  ///< elements from one product of a batch to the next
};

inline SumsLayout sums_layout_of(const SpmmLaunch& launch) {
    const bool rows = launch.c_layout == Layout::row_major;
    const std::int64_t ld = round_up(rows ? launch.n : launch.m, 8);
    return {ld, ld * (rows ? launch.m : launch.n)};
}

/// Loads the kernel for this launch on the current device, outside CUDA-graph capture. @throws Error cuda_error
void prepare_finish(const SpmmLaunch& launch);

/// C = activation(sums + beta*R + bias), in fp32; `sums` lies as sums_layout_of says.
/// @throws Error cuda_error
void launch_finish(const SpmmLaunch& launch, const float* sums, Stream stream);

}  // namespace bsk
