// Expands the stored blocks of A to a dense row-major matrix, zeros between them, in one pass: each thread owns 16 bytes
// of 16 neighbouring rows, looks up once whether a stored block covers them, and copies or clears them.
// Block sides are multiples of 16, so that neither the rows nor the 16 bytes lie in two blocks.
#include "kernels/dense/expand.h"

#include "base/cuda.h"
#include "base/math.h"

namespace bsk {

namespace {

constexpr int kThreads = 256;
constexpr int kRows = 16;
constexpr int kChunk = 8;  // elements of 2 bytes that a thread copies at a time

/// Index of block column `column` among the sorted col_indices[begin .. end), or -1.
__device__ int find_block(const std::int32_t* col_indices, int begin, int end, int column) {
    while (begin < end) {
        const int middle = begin + (end - begin) / 2;
        const int found = col_indices[middle];
        if (found == column) {
            return middle;
        }
        if (found < column) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return -1;
}

__global__ void __launch_bounds__(kThreads) expand(const __grid_constant__ SpmmLaunch launch, uint4* dense,
                                                   std::int64_t chunks_per_row, std::int64_t ctas_per_row) {
    const std::int64_t chunk = blockIdx.x % ctas_per_row * kThreads + threadIdx.x;
    const std::int64_t first_row = blockIdx.x / ctas_per_row * kRows;
    if (chunk >= chunks_per_row) {
        return;
    }
    const std::int64_t block_row = first_row / launch.block_m;
    const auto block_column = static_cast<int>(chunk * kChunk / launch.block_k);
    const int block = find_block(launch.col_indices, launch.crow_indices[block_row],
                                 launch.crow_indices[block_row + 1], block_column);
    const std::int64_t chunks_per_block_row = launch.block_k / kChunk;
    const auto* source =
        static_cast<const uint4*>(launch.values) +
        (block * std::int64_t{launch.block_m} + first_row % launch.block_m) * chunks_per_block_row +
        chunk % chunks_per_block_row;
    uint4* target = dense + first_row * chunks_per_row + chunk;
#pragma unroll
    for (int row = 0; row < kRows; ++row) {
        if (first_row + row < launch.m) {
            target[row * chunks_per_row] = block < 0 ? uint4{} : source[row * chunks_per_block_row];
        }
    }
}

}  // namespace

void prepare_expand() {
    cudaFuncAttributes attributes{};
    check_cuda(cudaFuncGetAttributes(&attributes, expand), "cudaFuncGetAttributes(expand)");
}

void launch_expand(const SpmmLaunch& launch, void* dense, std::int64_t ld, Stream stream) {
    const std::int64_t chunks_per_row = ld / kChunk;
    const std::int64_t ctas_per_row = ceil_div(chunks_per_row, kThreads);
    const std::int64_t ctas = ctas_per_row * ceil_div(launch.m, kRows);
    if (ctas > 0) {
        expand<<<static_cast<unsigned>(ctas), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(
            launch, static_cast<uint4*>(dense), chunks_per_row, ctas_per_row);
        check_cuda(cudaGetLastError(), "the launch of expand");
    }
}

}  // namespace bsk
