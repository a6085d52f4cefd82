// Transposed copies, for kernels that multiply by A^T as by any other matrix or want B in its other layout.
#pragma once

#include "kernels/lines/copy_lines.h"
#include "kernels/spmm_launch.h"

namespace bsk {

/// Loads the kernel on the current device, outside CUDA-graph capture. @throws Error cuda_error
void prepare_transpose();

/// Writes the blocks of spmm.values, in the order of `sources` [nnzb] and each transposed, to `out`
/// [nnzb, block_m, block_k], on `stream`.
/// @throws Error cuda_error
void launch_transpose_blocks(const SpmmLaunch& spmm, const std::int32_t* sources, void* out, Stream stream);

/// Writes the transposes of `batch` matrices, whose lines have `lines.length` elements of `element_bytes` (2 or 4), to
/// `target` on `stream`: lines.length lines of lines.count elements.
/// @throws Error cuda_error
void launch_transpose_lines(const Lines& lines, std::int64_t batch, int element_bytes, const void* source,
                            const LineStrides& from, void* target, const LineStrides& to, Stream stream);

}  // namespace bsk
