// The sampled product on the CPU: every case, fp32 accumulation, OpenMP over stored blocks.
#pragma once

#include <bsk/bsr.h>
#include <bsk/types.h>

namespace bsk {

/// values = alpha*(D1*D2) + beta*values at the blocks of `a`, which has int32 indices and whose values are not read.
/// Arguments are checked by the caller: the values have the dtype of D1 and D2, or fp32. With beta = 0 they are not read.
/// Results do not depend on the number of threads.
void sddmm_cpu(const BsrView& a, const ConstMatrixView& d1, const ConstMatrixView& d2, DType values_dtype,
               void* values, float alpha, float beta);

}  // namespace bsk
