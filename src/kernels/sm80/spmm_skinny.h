// Tensor cores through mma.sync for few columns of B: the time is that of reading the stored values of A once (compute
// capability 8.0 and later).
#pragma once

#include "kernels/spmm_launch.h"

namespace bsk {

/// Loads the kernels for this launch on the current device, which its first launch would do otherwise; outside
/// CUDA-graph capture.
/// @throws Error cuda_error
void prepare_spmm_skinny(const SpmmLaunch& launch);

/// Launches on `stream` (a cudaStream_t): fp16 and bf16, n up to kSkinnyMostColumns, every block, layout, stride and
/// element alignment.
/// @throws Error cuda_error
void launch_spmm_skinny(const SpmmLaunch& launch, Stream stream);

}  // namespace bsk
