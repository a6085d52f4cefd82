#include <bsk/packed.h>

#include "api/pack.h"
#include "base/check.h"
#include "kernels/dense/dense_cublas.h"

namespace bsk {

void pack(const SpmmLaunch& launch, void* packed, Stream stream) {
    switch (launch.choice.kernel) {
        case KernelId::dense_cublas: pack_dense_cublas(launch, packed, stream); break;
        default:
            fail(ErrorCode::internal, "Kernel {} reads the values as they are.", name(launch.choice.kernel));
    }
}

std::int64_t PackedValues::memory_bytes() const {
    return static_cast<std::int64_t>(state_->values.bytes());
}

}  // namespace bsk
