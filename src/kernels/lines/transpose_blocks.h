// Values with transposed blocks, for kernels that multiply by A^T as by any other matrix.
#pragma once

#include "kernels/spmm_launch.h"

namespace bsk {

/// Loads the kernel on the current device, outside CUDA-graph capture. @throws Error cuda_error
void prepare_transpose_blocks();

/// Writes the blocks of launch.values, in the order of `sources` [nnzb] and each transposed, to `out`
/// [nnzb, block_m, block_k], on `stream`.
/// @throws Error cuda_error
void launch_transpose_blocks(const SpmmLaunch& launch, const std::int32_t* sources, void* out, Stream stream);

}  // namespace bsk
