// A's stored blocks as a dense matrix.
#pragma once

#include <cstdint>

#include "kernels/spmm_launch.h"

namespace bsk {

/// Loads the kernel on the current device, outside CUDA-graph capture. @throws Error cuda_error
void prepare_expand();

/// Writes A to `dense` [m, ld] row-major, zeros where no block is stored. Elements of 2 bytes; ld >= k, a multiple of 8.
/// Padding columns get anything.
/// @throws Error cuda_error
void launch_expand(const SpmmLaunch& launch, void* dense, std::int64_t ld, Stream stream);

}  // namespace bsk
