// What is fixed at compile time in an instance of sddmm_sm90. No CUDA header: sddmm_registry.cpp reads it too.
#pragma once

#include <bsk/types.h>

#include "kernels/sddmm_launch.h"

namespace bsk {

struct SddmmSm90Config {
    DType dtype;         ///< of D1 and D2: f16 or bf16
    DType values_dtype;  ///< the same, or f32
    int unit;            ///< rows and columns that pieces of D1 and D2 have: sddmm_unit()
    Layout d1_layout;
    Layout d2_layout;
};

/// As prepare_spmm_sm90_instance and launch_spmm_sm90_instance.
template <SddmmSm90Config kConfig>
void prepare_sddmm_sm90_instance();

template <SddmmSm90Config kConfig>
void launch_sddmm_sm90_instance(const SddmmLaunch& launch, Stream stream);

}  // namespace bsk
