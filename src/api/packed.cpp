#include <bsk/packed.h>

#include "api/pack.h"
#include "base/stream_buffer.h"
#include "kernels/dense/dense_cublas.h"
#include "kernels/lines/transpose.h"

namespace bsk {

void pack(const SpmmLaunch& launch, const std::int32_t* sources, void* packed, Stream stream) {
    if (launch.choice.kernel != KernelId::dense_cublas) {
        return launch_transpose_blocks(launch, sources, packed, stream);
    }
    if (sources == nullptr) {
        return pack_dense_cublas(launch, packed, stream);
    }
    const std::int64_t elements = launch.nnzb * launch.block_m * launch.block_k;
    const StreamBuffer transposed(static_cast<std::size_t>(elements * size_of(launch.dtype)), stream);
    launch_transpose_blocks(launch, sources, transposed.data(), stream);
    SpmmLaunch expansion = launch;
    expansion.values = transposed.data();
    pack_dense_cublas(expansion, packed, stream);
}

std::int64_t PackedValues::memory_bytes() const {
    return static_cast<std::int64_t>(state_->values.bytes());
}

}  // namespace bsk
