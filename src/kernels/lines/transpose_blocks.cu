// A CTA transposes one tile of 32 x 32 elements of a block (16 where a side is 16) through shared memory, a row of padding
// apart, so that reads and writes both run along rows. Bound by memory.
#include "kernels/lines/transpose_blocks.h"

#include <algorithm>
#include <cstdint>

#include "base/cuda.h"

namespace bsk {

namespace {

constexpr int kTile = 32;
constexpr int kRows = 8;  // of a tile that a CTA of kTile x kRows threads moves at a time

/// Grid: x, tiles of a block; y and z, blocks of the result. Of the result's blocks, `rows` x `cols`.
template <class T>
__global__ void __launch_bounds__(kTile* kRows)
    transpose_blocks(const T* values, const std::int32_t* sources, T* out, std::int64_t nnzb, int rows,
                     int cols) {
    __shared__ T tile[kTile][kTile + 1];
    const std::int64_t block = static_cast<std::int64_t>(blockIdx.z) * gridDim.y + blockIdx.y;
    if (block >= nnzb) {
        return;
    }
    const std::int64_t size = static_cast<std::int64_t>(rows) * cols;
    const int tiles_across = (cols + kTile - 1) / kTile;
    const int first_row = static_cast<int>(blockIdx.x) / tiles_across * kTile;
    const int first_col = static_cast<int>(blockIdx.x) % tiles_across * kTile;
    const int x = threadIdx.x;
    const T* source = values + sources[block] * size;
    for (int y = threadIdx.y; y < kTile && first_col + y < cols; y += kRows) {
        if (first_row + x < rows) {
            tile[y][x] = source[(first_col + y) * rows + first_row + x];
        }
    }
    __syncthreads();
    T* target = out + block * size;
    for (int y = threadIdx.y; y < kTile && first_row + y < rows; y += kRows) {
        if (first_col + x < cols) {
            target[(first_row + y) * cols + first_col + x] = tile[x][y];
        }
    }
}

template <class T>
void launch_as(const SpmmLaunch& launch, const std::int32_t* sources, void* out, Stream stream) {
    constexpr std::int64_t kMaxGridY = 65535;
    const auto tiles = [](int side) { return static_cast<unsigned>((side + kTile - 1) / kTile); };
    const std::int64_t y = std::min(launch.nnzb, kMaxGridY);
    const dim3 grid(tiles(launch.block_m) * tiles(launch.block_k), static_cast<unsigned>(y),
                    static_cast<unsigned>((launch.nnzb + y - 1) / y));
    transpose_blocks<<<grid, dim3(kTile, kRows), 0, static_cast<cudaStream_t>(stream)>>>(
        static_cast<const T*>(launch.values), sources, static_cast<T*>(out), launch.nnzb, launch.block_m,
        launch.block_k);
    check_cuda(cudaGetLastError(), "the launch of transpose_blocks");
}

}  // namespace

void prepare_transpose_blocks() {
    cudaFuncAttributes attributes{};
    check_cuda(cudaFuncGetAttributes(&attributes, transpose_blocks<std::uint16_t>), "cudaFuncGetAttributes");
    check_cuda(cudaFuncGetAttributes(&attributes, transpose_blocks<std::uint32_t>), "cudaFuncGetAttributes");
}

void launch_transpose_blocks(const SpmmLaunch& launch, const std::int32_t* sources, void* out,
                             Stream stream) {
    if (launch.nnzb == 0) {
        return;
    }
    if (launch.dtype == DType::f32) {
        launch_as<std::uint32_t>(launch, sources, out, stream);
    } else {
        launch_as<std::uint16_t>(launch, sources, out, stream);
    }
}

}  // namespace bsk
