// What is fixed at compile time in an instance of spmm_sm90_small. No CUDA header: small_registry.cpp reads
// it too.
#pragma once

#include <bsk/types.h>

#include "kernels/spmm_launch.h"

namespace bsk {

struct SpmmSm90SmallConfig {
    DType dtype;    ///< of A and B: f16 or bf16
    DType c_dtype;  ///< the same, or f32
    int unit;       ///< 32 or 16: side of the squares that stored blocks are cut into
    Layout b_layout;
    Layout c_layout;
};

/// Loads the kernel on the current device and sets its shared-memory limit; before the first launch there.
template <SpmmSm90SmallConfig kConfig>
void prepare_spmm_sm90_small_instance();

template <SpmmSm90SmallConfig kConfig>
void launch_spmm_sm90_small_instance(const SpmmLaunch& launch, Stream stream);

}  // namespace bsk
