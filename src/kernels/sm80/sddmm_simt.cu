// values = alpha*(D1*D2) + beta*values at the stored blocks, in fp32 on the ordinary cores: any block, layout, size and
// alignment.
//
// Split of the work: a CTA computes 16 rows of a block row by 64 columns of the line that its stored blocks make side by
// side, in steps of 16 of n. Thread t computes row t / 16 and columns t % 16 + 0, 16, 32, 48. What lies outside D1 and D2
// counts as zeros.
//
//   shared memory:  a [16][16 + 1]   rows of D1
//                   b [16][64 + 1]   of n x columns of D2
//
// The padding spreads columns over the banks.
#include <cstdint>

#include "base/cuda.h"
#include "base/math.h"
#include "kernels/sddmm_launch.h"
#include "kernels/sm80/sddmm_sm80.h"

namespace bsk {
namespace {

constexpr int kRows = 16;
constexpr int kColumns = 64;
constexpr int kStep = 16;
constexpr int kSide = kColumns / 16;  // columns of a thread
constexpr int kThreads = 256;

struct SharedStorage {
    float a[kRows][kStep + 1];
    float b[kStep][kColumns + 1];
};

/// Element (i, j), or 0 outside the matrix.
__device__ float element(const void* data, Layout layout, std::int64_t ld, std::int64_t rows,
                         std::int64_t cols, std::int64_t i, std::int64_t j) {
    const std::int64_t offset = layout == Layout::row_major ? i * ld + j : j * ld + i;
    return i < rows && j < cols ? static_cast<const float*>(data)[offset] : 0.0F;
}

__global__ void __launch_bounds__(kThreads) sddmm_simt(const __grid_constant__ SddmmLaunch launch) {
    __shared__ SharedStorage shared;
    const std::int64_t first_row = static_cast<std::int64_t>(blockIdx.x) * kRows;
    const std::int32_t* range = launch.crow_indices + first_row / launch.block_m;
    const int last_block = range[1];
    const auto block_at = [&](int column) {
        return range[0] + (static_cast<int>(blockIdx.y) * kColumns + column) / launch.block_k;
    };
    const auto column_in_block = [&](int column) {
        return (static_cast<int>(blockIdx.y) * kColumns + column) & (launch.block_k - 1);
    };
    if (block_at(0) >= last_block) {
        return;
    }
    const int row = static_cast<int>(threadIdx.x) / 16;
    const int lane = static_cast<int>(threadIdx.x) % 16;
    const bool d1_by_rows = launch.d1_layout == Layout::row_major;
    const bool d2_by_rows = launch.d2_layout == Layout::row_major;
    float sum[kSide] = {};
    for (std::int64_t first = 0; first < launch.n; first += kStep) {
        // Neighbouring threads take neighbours in memory.
        const int i = d1_by_rows ? row : lane;
        const int t = d1_by_rows ? lane : row;
        shared.a[i][t] =
            element(launch.d1, launch.d1_layout, launch.ld1, launch.m, launch.n, first_row + i, first + t);
        for (int e = threadIdx.x; e < kStep * kColumns; e += kThreads) {
            const int s = d2_by_rows ? e / kColumns : e % kStep;
            const int column = d2_by_rows ? e % kColumns : e / kStep;
            const int block = block_at(column);
            const std::int64_t j =
                block < last_block ? static_cast<std::int64_t>(launch.col_indices[block]) * launch.block_k +
                                         column_in_block(column)
                                   : launch.k;
            shared.b[s][column] =
                element(launch.d2, launch.d2_layout, launch.ld2, launch.n, launch.k, first + s, j);
        }
        __syncthreads();
#pragma unroll
        for (int s = 0; s < kStep; ++s) {
#pragma unroll
            for (int j = 0; j < kSide; ++j) {
                sum[j] += shared.a[row][s] * shared.b[s][lane + 16 * j];
            }
        }
        __syncthreads();
    }
#pragma unroll
    for (int j = 0; j < kSide; ++j) {
        const int block = block_at(lane + 16 * j);
        if (block < last_block) {
            const std::int64_t place =
                (static_cast<std::int64_t>(block) * launch.block_m + first_row % launch.block_m + row) *
                    launch.block_k +
                column_in_block(lane + 16 * j);
            float* value = static_cast<float*>(launch.values) + place;
            *value = launch.alpha * sum[j] + (launch.beta != 0.0F ? launch.beta * *value : 0.0F);
        }
    }
}

}  // namespace

void prepare_sddmm_simt(const SddmmLaunch& /*launch*/) {
    cudaFuncAttributes attributes{};
    check_cuda(cudaFuncGetAttributes(&attributes, sddmm_simt), "cudaFuncGetAttributes(sddmm_simt)");
}

void launch_sddmm_simt(const SddmmLaunch& launch, Stream stream) {
    const dim3 grid(static_cast<unsigned>(ceil_div(launch.m, launch.block_m) * (launch.block_m / kRows)),
                    static_cast<unsigned>(ceil_div(launch.longest_row * launch.block_k, kColumns)));
    sddmm_simt<<<grid, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(launch);
    check_cuda(cudaGetLastError(), "the launch of sddmm_simt");
}

}  // namespace bsk
