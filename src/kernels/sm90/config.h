// What is fixed at compile time in an instance of spmm_sm90. No CUDA header: registry.cpp reads it too.
#pragma once

#include <bsk/types.h>

#include "kernels/spmm_launch.h"

namespace bsk {

struct SpmmSm90Config {
    DType dtype;    ///< of A and B: f16 or bf16
    DType c_dtype;  ///< the same, or f32
    int tile_m;     ///< 128: two consumer warpgroups share a tile; 64: they take tiles in turn
    Layout b_layout;
    Layout c_layout;
};

/// Loads the kernel on the current device and sets its shared-memory limit; before the first launch there.
template <SpmmSm90Config kConfig, bool kTransposeA = false>
void prepare_spmm_sm90_instance();

/// @tparam kTransposeA  A is the transpose of what is stored, see SpmmLaunch::sources
template <SpmmSm90Config kConfig, bool kTransposeA = false>
void launch_spmm_sm90_instance(const SpmmLaunch& launch, Stream stream);

}  // namespace bsk
