// What a product through a library leaves of an epilogue.
#pragma once

#include "kernels/spmm_launch.h"

namespace bsk {

/// Loads the kernel for this launch on the current device, outside CUDA-graph capture. @throws Error cuda_error
void prepare_finish(const SpmmLaunch& launch);

/// C = activation(C + beta*R + bias), in fp32, where R is not C; what beta does with C itself has been done.
/// @throws Error cuda_error
void launch_finish(const SpmmLaunch& launch, Stream stream);

}  // namespace bsk
