// Tensor maps: how TMA sees a row-major matrix of 16- or 32-bit elements.
#pragma once

#include <cstdint>

#include <cuda.h>

#include <bsk/types.h>

namespace bsk {

/// Map of `rows` x `cols` elements with `ld` elements from row to row, read and written in boxes of box_rows
/// x box_cols whose rows are 128 or 64 bytes, swizzled by as many in shared memory, or 32 bytes, as they come. What lies outside
/// reads as zero and is not written. `data` and the row stride are multiples of 16 bytes.
/// @throws Error cuda_error
[[nodiscard]] CUtensorMap make_tensor_map(const void* data, DType dtype, std::int64_t rows, std::int64_t cols,
                                          std::int64_t ld, int box_rows, int box_cols);

/// The map of `batch` dense matrices, `stride` elements apart, in either layout: of the matrices if they are row-major,
/// else of their transposes. It has a third dimension, the batch; boxes lie in one matrix.
[[nodiscard]] CUtensorMap make_tensor_map(const void* data, DType dtype, Layout layout, std::int64_t rows,
                                          std::int64_t cols, std::int64_t ld, int box_lines, int box_line,
                                          std::int64_t batch, std::int64_t stride);

}  // namespace bsk
