// Host launch of the kernels that replace the pattern of a dynamic plan.
#include "kernels/replan/replan.h"

#include <algorithm>

#include "base/cuda.h"
#include "base/math.h"
#include "kernels/replan/order_of_work.cuh"

namespace bsk {
namespace {

constexpr int kCopyThreads = 256;

/// An index of any type in [0, most].
template <class Index>
__device__ std::int32_t clamped(Index index, std::int64_t most) {
    return static_cast<std::int32_t>(
        min(max(static_cast<long long>(index), 0LL), static_cast<long long>(most)));
}

/// Copies the indices, a thread each, and prices the tile rows.
template <class Index>
__global__ void __launch_bounds__(kCopyThreads)
    copy_pattern(const ReplanLaunch p, const Index* __restrict__ crow, const Index* __restrict__ col) {
    const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kCopyThreads + threadIdx.x;
    if (i <= p.block_rows) {
        p.crow_indices[i] = clamped(crow[i], p.nnzb);
    }
    if (i < p.nnzb) {
        p.col_indices[i] = clamped(col[i], p.block_cols - 1);
    }
    const DeviceSchedule& schedule = p.schedule;
    if (i < schedule.tile_rows) {
        const std::int64_t row = i / schedule.tiles_per_block;
        const int blocks = max(clamped(crow[row + 1], p.nnzb) - clamped(crow[row], p.nnzb), 0);
        schedule.costs[i] = schedule.tile_picoseconds + blocks * schedule.block_picoseconds;
    }
}

template <class Index>
void launch_copy(const ReplanLaunch& launch, const void* crow_indices, const void* col_indices,
                 cudaStream_t stream) {
    const std::int64_t threads =
        std::max({launch.block_rows + 1, launch.nnzb, static_cast<std::int64_t>(launch.schedule.tile_rows)});
    copy_pattern<<<static_cast<unsigned>(ceil_div(threads, kCopyThreads)), kCopyThreads, 0, stream>>>(
        launch, static_cast<const Index*>(crow_indices), static_cast<const Index*>(col_indices));
    check_cuda(cudaGetLastError(), "launch of copy_pattern");
}

void load(const void* kernel) {
    cudaFuncAttributes attributes{};
    check_cuda(cudaFuncGetAttributes(&attributes, kernel), "cudaFuncGetAttributes(replan)");
}

}  // namespace

void prepare_replan() {
    load(reinterpret_cast<const void*>(copy_pattern<std::int32_t>));
    load(reinterpret_cast<const void*>(copy_pattern<std::int64_t>));
    load(reinterpret_cast<const void*>(order::order_of_work));
}

void launch_replan(const ReplanLaunch& launch, const void* crow_indices, const void* col_indices,
                   IndexType type, Stream stream) {
    const auto queue = static_cast<cudaStream_t>(stream);
    if (type == IndexType::i64) {
        launch_copy<std::int64_t>(launch, crow_indices, col_indices, queue);
    } else {
        launch_copy<std::int32_t>(launch, crow_indices, col_indices, queue);
    }
    const DeviceSchedule& schedule = launch.schedule;
    if (schedule.streams > 0) {
        const auto threads =
            round_up(static_cast<std::int64_t>(schedule.streams) * order::kLanesOfStream, 32);
        order::order_of_work<<<1, static_cast<unsigned>(std::max<std::int64_t>(threads, 256)), 0, queue>>>(
            schedule);
        check_cuda(cudaGetLastError(), "launch of order_of_work");
    }
}

}  // namespace bsk
