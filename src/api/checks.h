// Checks that products, sddmm() and replan() share.
#pragma once

#include <cstdint>

#include <bsk/bsr.h>

namespace bsk {

// Bytes.
inline constexpr int kTmaAlignment = 16;     ///< of dense operands that TMA reads or writes
inline constexpr int kValuesAlignment = 16;  ///< of values: all kernels read and write them in pieces of that

/// `a` has the sizes, the block and the number of blocks that the plan was made for.
void check_sizes(const BsrView& planned, const BsrView& a);

/// A pointer that a CUDA kernel will read or write: on the plan's device and aligned to `alignment` bytes.
void check_pointer(const char* argument, const void* pointer, int alignment, const Device& device);

/// A dense operand against what the plan expects of it.
void check_dense(const char* argument, const ConstMatrixView& x, std::int64_t rows, std::int64_t cols,
                 DType dtype, Layout layout, std::int64_t ld, const Device& device);

}  // namespace bsk
