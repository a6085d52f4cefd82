// TMA and wgmma: the sampled product for Hopper.
#pragma once

#include "kernels/sddmm_launch.h"

namespace bsk {

/// Loads the kernel for this launch on the current device; before the first launch there, and outside CUDA-graph capture.
/// @throws Error cuda_error
void prepare_sddmm_sm90(const SddmmLaunch& launch);

/// Launches on `stream` (a cudaStream_t): fp16 and bf16, block sides of 32 and more, pointers and lines of D1
/// and D2 that are multiples of 16 bytes.
/// @throws Error cuda_error
void launch_sddmm_sm90(const SddmmLaunch& launch, Stream stream);

}  // namespace bsk
