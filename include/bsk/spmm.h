// C = alpha*A*B + beta*C with A block-sparse.
#pragma once

#include <bsk/bsr.h>
#include <bsk/plan.h>
#include <bsk/types.h>

namespace bsk {

/// Launches C = alpha*A*B + beta*C and returns: no allocation, no synchronisation, legal inside CUDA-graph
/// capture. On a CPU plan it computes before it returns.
///
/// `a` must have the pattern the plan was made from; only its values pointer is read on the device. Products
/// accumulate in fp32 and round once. With beta = 0 C is not read, so it may hold NaN. C must not overlap A
/// or B. Results are bitwise the same from run to run for one plan.
///
/// @param b  k x n, dtype of A, layout and ld of the plan.
/// @param c  m x n, c_dtype, layout and ld of the plan; only its m x n elements are written.
/// @throws Error invalid_argument (shape, layout, ld), dtype_mismatch, device_mismatch, misaligned (pointers
/// must be 16-byte aligned
///         on CUDA), cuda_error. C is untouched then.
BSK_API void spmm(const Plan& plan, const BsrView& a, const ConstMatrixView& b, const MatrixView& c,
                  float alpha = 1.0F, float beta = 0.0F, Stream stream = nullptr);

}  // namespace bsk
