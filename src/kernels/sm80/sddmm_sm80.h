// The sampled product on any GPU from Ampere on.
#pragma once

#include "kernels/sddmm_launch.h"

namespace bsk {

/// Loads the kernel for this launch on the current device; outside CUDA-graph capture.
/// @throws Error cuda_error
void prepare_sddmm_sm80(const SddmmLaunch& launch);
void prepare_sddmm_simt(const SddmmLaunch& launch);

/// Launches on `stream` (a cudaStream_t); fp16 and bf16 on tensor cores, every block, layout, size and element alignment.
/// @throws Error cuda_error
void launch_sddmm_sm80(const SddmmLaunch& launch, Stream stream);

/// The same product for fp32 operands on the ordinary cores.
void launch_sddmm_simt(const SddmmLaunch& launch, Stream stream);

}  // namespace bsk
