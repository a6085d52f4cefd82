// C = activation(alpha*A*B + beta*R + bias) in double precision by plain loops, and the comparison of a backend's result with
// it. Nothing is shared with the CPU backend.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <bsk/bsr.h>
#include <bsk/spmm.h>
#include <bsk/types.h>

namespace bsk::test {

/// The m x n result, and what bounds the error of a computation in fp32.
struct Expected {
    std::int64_t m = 0;
    std::int64_t n = 0;
    std::vector<double> values;            ///< [m, n] row-major
    std::vector<double> magnitudes;        ///< [m, n]: |alpha|*sum|a*b| + |beta*r| + |bias|
    std::vector<double> products;          ///< [m, n]: |alpha*sum a*b + bias|
    std::vector<std::int64_t> row_length;  ///< [m]: products summed for an element of this row
    Activation activation = Activation::none;
};

/// @param a         on the host, int32 indices
/// @param epilogue  with a residual, which is not read with beta = 0
Expected oracle(const BsrView& a, const ConstMatrixView& b, float alpha, float beta,
                const Epilogue& epilogue);

/// Relative Frobenius error that a result in `dtype` may have: 5e-4 in fp16, 4e-3 in bf16, and (L + 2)*2^-23
/// in fp32 for rows of up to L products. Each of the L + 2 operations loses at most 2^-23 of a partial sum
/// (tensor cores truncate instead of rounding), and the partial sums of random operands are no larger than
/// the result on average.
double frobenius_bound(DType dtype, std::int64_t longest_row);

/// Error that one element may have: the rounding to `dtype`, u*|expected| with u = 2^-11, 2^-8, 2^-24 (and
/// half the smallest subnormal number of fp16), plus (L + 2)*2^-23*magnitude for summing L products in fp32
/// in any order.
double element_bound(DType dtype, double expected, double magnitude, std::int64_t row_length);

struct Comparison {
    bool passed = false;
    double relative_error =
        0;                ///< Frobenius norm of the error / that of the expected result, over finite elements
    std::string message;  ///< the worst element with its index, got and expected; also where it passed
};

/// Passes if NaN and infinities are where they are expected and both bounds hold. Activations add to an element's bound
/// what kernels/activation.cuh says; no slope of theirs is steeper than 1.13.
/// @param rounds_product  the kernel rounds alpha*A*B + bias to the dtype of `got` before the rest applies
Comparison compare(const Expected& expected, const ConstMatrixView& got, bool rounds_product = false);

}  // namespace bsk::test
