// What is fixed at compile time in an instance of spmm_sm90_pairs. No CUDA header: pairs_registry.cpp reads it too.
#pragma once

#include <bsk/types.h>

#include "kernels/spmm_launch.h"

namespace bsk {

struct SpmmSm90PairsConfig {
    DType dtype;    ///< of A and B: f16 or bf16
    DType c_dtype;  ///< the same, or f32
    Layout b_layout;
    Layout c_layout;
};

/// Loads the kernel on the current device and sets its shared-memory limit; before the first launch there.
template <SpmmSm90PairsConfig kConfig, bool kTransposeA = false>
void prepare_spmm_sm90_pairs_instance();

/// @tparam kTransposeA  A is the transpose of what is stored, see SpmmLaunch::pair_sources
template <SpmmSm90PairsConfig kConfig, bool kTransposeA = false>
void launch_spmm_sm90_pairs_instance(const SpmmLaunch& launch, Stream stream);

}  // namespace bsk
