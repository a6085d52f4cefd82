// A CTA transposes one tile of 32 x 32 elements of a matrix through shared memory, a row of padding apart, so that reads
// and writes both run along lines. Bound by memory.
#include "kernels/lines/transpose.h"

#include <algorithm>
#include <cstdint>

#include "base/cuda.h"
#include "base/math.h"

namespace bsk {

namespace {

constexpr int kTile = 32;
constexpr int kRows = 8;  // of a tile that a CTA of kTile x kRows threads moves at a time

/// The results: `count` matrices of rows x cols, of the matrices numbered `sources`, or of all where it is null.
struct Transposes {
    std::int64_t count;
    std::int64_t rows;
    std::int64_t cols;
    const std::int32_t* sources;
};

/// Grid: x, tiles of a matrix; y and z, matrices of the result.
template <class T>
__global__ void __launch_bounds__(kTile* kRows)
    transpose(const Transposes results, const T* source, const LineStrides from, T* target,
              const LineStrides to) {
    __shared__ T tile[kTile][kTile + 1];
    const std::int64_t matrix = static_cast<std::int64_t>(blockIdx.z) * gridDim.y + blockIdx.y;
    if (matrix >= results.count) {
        return;
    }
    const std::int64_t tiles_across = (results.cols + kTile - 1) / kTile;
    const std::int64_t first_row = blockIdx.x / tiles_across * kTile;
    const std::int64_t first_col = blockIdx.x % tiles_across * kTile;
    const int x = threadIdx.x;
    source += (results.sources == nullptr ? matrix : results.sources[matrix]) * from.matrix;
    for (int y = threadIdx.y; y < kTile && first_col + y < results.cols; y += kRows) {
        if (first_row + x < results.rows) {
            tile[y][x] = source[(first_col + y) * from.line + first_row + x];
        }
    }
    __syncthreads();
    target += matrix * to.matrix;
    for (int y = threadIdx.y; y < kTile && first_row + y < results.rows; y += kRows) {
        if (first_col + x < results.cols) {
            target[(first_row + y) * to.line + first_col + x] = tile[x][y];
        }
    }
}

void launch(const Transposes& results, int element_bytes, const void* source, const LineStrides& from,
            void* target, const LineStrides& to, Stream stream) {
    constexpr std::int64_t kMaxGridY = 65535;
    const std::int64_t tiles = ceil_div(results.rows, kTile) * ceil_div(results.cols, kTile);
    if (results.count == 0 || tiles == 0) {
        return;
    }
    const std::int64_t y = std::min(results.count, kMaxGridY);
    const dim3 grid(static_cast<unsigned>(tiles), static_cast<unsigned>(y),
                    static_cast<unsigned>(ceil_div(results.count, y)));
    const auto launch_as = [&]<class T>(const T* elements) {
        transpose<<<grid, dim3(kTile, kRows), 0, static_cast<cudaStream_t>(stream)>>>(
            results, elements, from, static_cast<T*>(target), to);
    };
    if (element_bytes == 2) {
        launch_as(static_cast<const std::uint16_t*>(source));
    } else {
        launch_as(static_cast<const std::uint32_t*>(source));
    }
    check_cuda(cudaGetLastError(), "the launch of transpose");
}

}  // namespace

void prepare_transpose() {
    cudaFuncAttributes attributes{};
    check_cuda(cudaFuncGetAttributes(&attributes, transpose<std::uint16_t>), "cudaFuncGetAttributes");
    check_cuda(cudaFuncGetAttributes(&attributes, transpose<std::uint32_t>), "cudaFuncGetAttributes");
}

void launch_transpose_blocks(const SpmmLaunch& spmm, const std::int32_t* sources, void* out, Stream stream) {
    const std::int64_t size = static_cast<std::int64_t>(spmm.block_m) * spmm.block_k;
    launch({spmm.nnzb, spmm.block_m, spmm.block_k, sources}, static_cast<int>(size_of(spmm.dtype)),
           spmm.values, {spmm.block_m, size}, out, {spmm.block_k, size}, stream);
}

void launch_transpose_lines(const Lines& lines, std::int64_t batch, int element_bytes, const void* source,
                            const LineStrides& from, void* target, const LineStrides& to, Stream stream) {
    launch({batch, lines.length, lines.count, nullptr}, element_bytes, source, from, target, to, stream);
}

}  // namespace bsk
