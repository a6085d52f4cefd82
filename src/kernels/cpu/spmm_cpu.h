// The CPU backend: every BSR case, fp32 accumulation, OpenMP over block rows.
#pragma once

#include <bsk/bsr.h>
#include <bsk/types.h>

namespace bsk {

/// C = alpha*A*B + beta*C on the host. Arguments are checked by the caller: C has A's dtype or fp32, `a` has
/// int32 indices. With beta = 0 C is not read. Results do not depend on the number of threads.
void spmm_cpu(const BsrView& a, const ConstMatrixView& b, const MatrixView& c, float alpha, float beta);

}  // namespace bsk
