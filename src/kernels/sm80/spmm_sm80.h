// Tensor cores through mma.sync: the kernel for GPUs other than Hopper (compute capability 8.0 and later), and for every
// case that the Hopper kernels do not take.
#pragma once

#include "kernels/spmm_launch.h"

namespace bsk {

/// Loads the kernel for this launch on the current device, which its first launch would do otherwise; outside CUDA-graph
/// capture.
/// @throws Error cuda_error
void prepare_spmm_sm80(const SpmmLaunch& launch);
void prepare_spmm_simt(const SpmmLaunch& launch);

/// Launches on `stream` (a cudaStream_t); fp16 and bf16, every block, layout, size and element alignment.
/// @throws Error cuda_error
void launch_spmm_sm80(const SpmmLaunch& launch, Stream stream);

/// The same product for fp32 operands on the ordinary cores, on any GPU.
void launch_spmm_simt(const SpmmLaunch& launch, Stream stream);

}  // namespace bsk
