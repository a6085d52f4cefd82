// C = alpha*A*B + beta*C with A block-sparse.
#pragma once

#include <bsk/bsr.h>
#include <bsk/plan.h>
#include <bsk/types.h>

namespace bsk {

/// What happens to alpha*A*B before it is stored: C = activation(alpha*A*B + beta*residual + bias).
struct Epilogue {
    Activation activation = Activation::none;
    /// m elements (BiasAxis::row: one for each row of C, as a linear layer's output features are) or n, of
    /// C's dtype, on the plan's device; nullptr for none. A batch shares it.
    const void* bias = nullptr;
    BiasAxis bias_axis = BiasAxis::row;
    /// What beta scales; C itself where data is nullptr. Shape, dtype, layout and ld are those of C, as is the
    /// stride of a batch. It may be C, but must not overlap it otherwise. With beta = 0 it is not read.
    ConstMatrixView residual;
};

/// Launches C = alpha*A*B + beta*C, or what `epilogue` makes of it, and returns: no allocation, no
/// synchronisation, legal inside CUDA-graph capture. On a CPU plan it computes before it returns. Plans
/// that need room on the device for the time of a product take it from a memory pool of the library in
/// the order of `stream`: dense_cublas for its workspace and for values that are not packed (packed.h),
/// plans of a transposed A whose kernel does not read it so for a transposed copy of the values, and
/// the Hopper kernels for the sums of split tiles and for copies of B, C and the residual whose lines do not
/// start and end at multiples of 16 bytes.
///
/// `a` must have the pattern the plan was made from; only its values pointer is read on the device.
/// Products accumulate in fp32; alpha, beta, bias and activation apply in fp32, and the result rounds
/// once. But where beta is not 0, a kernel that stores a tile while it computes the next may round
/// alpha*A*B + bias to C's 16-bit type before the residual and the activation apply, as separate kernels
/// would; the plan's explanation says so. With beta = 0 C is not read, so it may hold NaN. C must not
/// overlap A, B or the bias. Results are bitwise the same from run to run for one plan.
///
/// With SpmmProblem::transpose_a it is A^T that multiplies, and k and m change places in what follows and in Epilogue.
///
/// @param b  k x n, dtype of A, layout and ld of the plan; a batch of them where the plan has one.
/// @param c  m x n, c_dtype, layout and ld of the plan; only its m x n elements are written.
/// @throws Error invalid_argument (shape, layout, ld, overlap), dtype_mismatch, device_mismatch, misaligned
///         (pointers must be 16-byte aligned on CUDA), cuda_error. C is untouched then.
BSK_API void spmm(const Plan& plan, const BsrView& a, const ConstMatrixView& b, const MatrixView& c,
                  float alpha = 1.0F, float beta = 0.0F, Stream stream = nullptr,
                  const Epilogue& epilogue = {});

}  // namespace bsk
