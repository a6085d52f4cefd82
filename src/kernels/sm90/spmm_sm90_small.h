// TMA and wgmma for blocks with a side below 64: the kernel for Hopper.
#pragma once

#include "kernels/spmm_launch.h"

namespace bsk {

/// Loads the kernel for this launch on the current device; before the first launch there, and outside
/// CUDA-graph capture.
/// @throws Error cuda_error
void prepare_spmm_sm90_small(const SpmmLaunch& launch);

/// Launches on `stream` (a cudaStream_t): fp16 and bf16, block sides that are multiples of 16, pointers and
/// row strides that are multiples of 16 bytes. Uses no workspace unless tiles are split: then for their partial sums.
/// @throws Error cuda_error
void launch_spmm_sm90_small(const SpmmLaunch& launch, Stream stream);

}  // namespace bsk
