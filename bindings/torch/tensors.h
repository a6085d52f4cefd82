// Tensors of the PyTorch operators as the library's views, checked. Everything here throws Error in words.
#pragma once

#include <cstdint>
#include <span>

#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <bsk/bsr.h>
#include <bsk/types.h>

#include "base/check.h"

namespace bsk::torch_ops {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

[[nodiscard]] DType dtype_of(ScalarType type, const char* argument);
[[nodiscard]] Device device_of(const Tensor& tensor);

inline Layout layout_of(bool col_major) {
    return col_major ? Layout::col_major : Layout::row_major;
}

/// A contiguous tensor of the dtype and device of `like`, not filled.
[[nodiscard]] Tensor new_tensor(const Tensor& like, std::span<const std::int64_t> sizes);

/// `tensor` is contiguous, of one dimension and this length.
void require_vector(const Tensor& tensor, std::int64_t length, const char* argument);

/// `values` is the contiguous tensor [nnzb, block_m, block_k] that belongs to the pattern.
void require_values(const Tensor& values, const BsrView& a);

/// PyTorch's current stream of the device; null for the CPU.
[[nodiscard]] Stream current_stream(Device device);

/// Points `a`, whose sizes are set, to these index tensors.
void set_indices(BsrView& a, const Tensor& crow_indices, const Tensor& col_indices);

/// The pattern of an m x k matrix with the block, dtype and number of blocks of `values` [nnzb, block_m, block_k].
[[nodiscard]] BsrView pattern_of(const Tensor& crow_indices, const Tensor& col_indices, const Tensor& values,
                                 std::int64_t m, std::int64_t k);

/// What a plan expects of B or of C.
struct Shape {
    std::int64_t rows;
    std::int64_t cols;
    Layout layout;
    std::int64_t ld;
    std::int64_t batch;
    std::int64_t stride;
};

/// A tensor as the matrix, or the first of the batch, that the plan was made for, or as the transpose of that; View is
/// MatrixView or ConstMatrixView.
template <class View, class Pointer>
View matrix_of(const Tensor& tensor, Pointer data, const Shape& shape, const char* argument,
               bool transposed = false) {
    const bool batched = tensor.dim() == 3;
    require(batched || tensor.dim() == 2, ErrorCode::invalid_argument,
            "{} has {} dimensions; expected a matrix, or a batch of them.", argument, tensor.dim());
    const std::int64_t batch = batched ? tensor.size(0) : 1;
    const int row = (batched ? 1 : 0) + (transposed ? 1 : 0);
    const int col = (batched ? 1 : 0) + (transposed ? 0 : 1);
    const auto [rows, cols, layout, ld, planned_batch, stride] = shape;
    require(batch == planned_batch && tensor.size(row) == rows && tensor.size(col) == cols,
            ErrorCode::invalid_argument, "{} is {} of {} x {}; the plan expects {} of {} x {}.", argument,
            batch, tensor.size(row), tensor.size(col), planned_batch, rows, cols);
    const bool row_major = layout == Layout::row_major;
    const std::int64_t row_stride = row_major ? ld : 1;
    const std::int64_t col_stride = row_major ? 1 : ld;
    require(
        (rows <= 1 || tensor.stride(row) == row_stride) && (cols <= 1 || tensor.stride(col) == col_stride),
        ErrorCode::invalid_argument, "{} has strides ({}, {}); the plan expects ({}, {}).", argument,
        tensor.stride(row), tensor.stride(col), row_stride, col_stride);
    require(batch == 1 || tensor.stride(0) == stride, ErrorCode::invalid_argument,
            "The matrices of {} are {} elements apart; the plan expects {}.", argument, tensor.stride(0),
            stride);
    return {data, dtype_of(tensor.scalar_type(), argument), rows, cols, layout, ld, device_of(tensor)};
}

}  // namespace bsk::torch_ops
