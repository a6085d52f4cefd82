// The CPU backend: every BSR case, fp32 accumulation, OpenMP over block rows.
#pragma once

#include <bsk/bsr.h>
#include <bsk/spmm.h>
#include <bsk/types.h>

namespace bsk {

/// C = activation(alpha*A*B + beta*residual + bias) on the host. Arguments are checked by the caller: C has A's dtype or
/// fp32, `a` has int32 indices, the epilogue has a residual. With beta = 0 that is not read. Results do not depend on
/// the number of threads.
/// @param sources  null, or where `a` is a transpose the position [nnzb] of each block in the values, stored transposed
void spmm_cpu(const BsrView& a, const std::int32_t* sources, const ConstMatrixView& b, const MatrixView& c,
              float alpha, float beta, const Epilogue& epilogue);

}  // namespace bsk
