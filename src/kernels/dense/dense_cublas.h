// C = alpha*A*B + beta*C through cuBLAS, on A expanded to a dense matrix: what wins where A stores most of its
// blocks.
#pragma once

#include <cstdint>

#include "kernels/spmm_launch.h"

namespace bsk {

/// Bytes of the expanded A, [m, k] row-major with lines that start at multiples of 16 bytes.
[[nodiscard]] std::int64_t dense_bytes(std::int64_t m, std::int64_t k);

/// Starts cuBLAS on the current device and runs the product once on scratch memory, which loads its kernels;
/// outside CUDA-graph capture.
/// @throws Error unsupported, out_of_memory, cuda_error
void prepare_dense_cublas(const SpmmLaunch& launch);

/// Writes A's values, zeros between them, to `packed` [dense_bytes] on `stream`.
void pack_dense_cublas(const SpmmLaunch& launch, void* packed, Stream stream);

/// Launches on `stream` (a cudaStream_t) from any thread; reads `launch.packed`.
/// @throws Error cuda_error
void launch_dense_cublas(const SpmmLaunch& launch, Stream stream);

}  // namespace bsk
