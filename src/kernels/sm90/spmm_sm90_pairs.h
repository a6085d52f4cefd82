// TMA and wgmma for blocks of 64 rows, two block rows a tile: the kernel for Hopper.
#pragma once

#include "kernels/spmm_launch.h"

namespace bsk {

/// Loads the kernel for this launch on the current device; before the first launch there, and outside
/// CUDA-graph capture.
/// @throws Error cuda_error
void prepare_spmm_sm90_pairs(const SpmmLaunch& launch);

/// Launches on `stream` (a cudaStream_t): fp16 and bf16, blocks of 64 rows and a multiple of 64 columns, pointers and
/// row strides that are multiples of 16 bytes.
/// @throws Error cuda_error
void launch_spmm_sm90_pairs(const SpmmLaunch& launch, Stream stream);

}  // namespace bsk
