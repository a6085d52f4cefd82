// Copies of 8 elements of 16 bits from global to shared memory, whole or in part.
#pragma once

#include <cstdint>

#include <cuda_runtime.h>

#include "kernels/sm80/mma.cuh"

namespace bsk::sm80 {

inline constexpr int kChunk = 8;  // elements of 2 bytes in one 16-byte copy

/// Element offset of a chunk of a matrix with kRow elements a row.
template <int kRow>
__device__ constexpr int swizzled(int row, int chunk) {
    constexpr int kChunks = kRow / kChunk;
    constexpr int kRowsPerLine = kChunks < 8 ? 8 / kChunks : 1;  // rows in 128 bytes, one pass over the banks
    constexpr int kSwaps = kChunks < 8 ? kChunks : 8;
    return row * kRow + (chunk ^ (row / kRowsPerLine % kSwaps)) * kChunk;
}

/// Copies a chunk, 16-byte aligned on both sides, or zeros where `count` is 0.
struct CopyWhole {
    __device__ void operator()(std::uint16_t* target, const std::uint16_t* source, int count) const {
        cp_async_16(target, source, count > 0);
    }
};

/// Copies the first `count` elements of a chunk, both 16-byte aligned, and zeros for the rest.
struct CopyAligned {
    __device__ void operator()(std::uint16_t* target, const std::uint16_t* source, int count) const {
        cp_async_16(target, source, count * static_cast<int>(sizeof(std::uint16_t)));
    }
};

/// The same for a source at any address.
struct CopyElements {
    __device__ void operator()(std::uint16_t* target, const std::uint16_t* source, int count) const {
        alignas(16) std::uint16_t chunk[kChunk];
#pragma unroll
        for (int i = 0; i < kChunk; ++i) {
            chunk[i] = i < count ? source[i] : 0;
        }
        *reinterpret_cast<uint4*>(target) = *reinterpret_cast<const uint4*>(chunk);
    }
};

}  // namespace bsk::sm80
