// Packing values for the kernels that read them in a form of their own.
#pragma once

#include <bsk/packed.h>

#include "api/plan_state.h"
#include "base/cuda.h"

namespace bsk {

/// What PackedValues refers to.
struct PackedState {
    BsrView a;                    ///< sizes, device, and the caller's values where nothing is packed
    KernelId kernel;              ///< whose form the values have
    std::uint64_t signature = 0;  ///< of the pattern
    DeviceBuffer values;          ///< [HostPlan::packed_bytes]
};

/// Packs launch.values to `packed` [HostPlan::packed_bytes] on `stream`: expanded for dense_cublas, transposed for the
/// others.
/// @param sources  of a transposed A (PlanState::sources), else null
/// @throws Error cuda_error
void pack(const SpmmLaunch& launch, const std::int32_t* sources, void* packed, Stream stream);

}  // namespace bsk
