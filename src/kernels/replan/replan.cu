// Host launch of the kernels that replace the pattern of a dynamic plan.
#include "kernels/replan/replan.h"

#include <algorithm>

#include "base/cuda.h"
#include "base/math.h"
#include "kernels/replan/order_of_work.cuh"
#include "kernels/replan/scan.cuh"
#include "kernels/replan/union_lists.cuh"

namespace bsk {
namespace {

constexpr int kCopyThreads = 512;
template <int kStreamsOfLane>
constexpr int kMostThreads = std::max(order::Streams<kStreamsOfLane>::kThreads, lists::kThreads);

/// An index of any type, the nearest in [0, most].
template <class Index>
__device__ std::int32_t in_range(Index index, std::int64_t most) {
    return static_cast<std::int32_t>(
        min(max(static_cast<long long>(index), 0LL), static_cast<long long>(most)));
}

/// The first CTA copies crow_indices and keeps them from decreasing, the others copy col_indices.
template <class Index>
__global__ void __launch_bounds__(kCopyThreads)
    copy_pattern(const ReplanLaunch p, const Index* __restrict__ crow, const Index* __restrict__ col) {
    if (blockIdx.x > 0) {
        const std::int64_t i = static_cast<std::int64_t>(blockIdx.x - 1) * kCopyThreads + threadIdx.x;
        if (i < p.nnzb) {
            p.col_indices[i] = in_range(col[i], p.block_cols - 1);
        }
        return;
    }
    std::int32_t reached = 0;
    for (std::int64_t first = 0; first <= p.block_rows; first += kCopyThreads) {
        const std::int64_t i = first + threadIdx.x;
        std::int32_t largest = 0;
        const std::int32_t index = inclusive_prefix<Maximum, kCopyThreads>(
            i <= p.block_rows ? in_range(crow[i], p.nnzb) : 0, largest);
        if (i <= p.block_rows) {
            p.crow_indices[i] = max(index, reached);
        }
        reached = max(reached, largest);
    }
}

template <class Index>
void launch_copy(const ReplanLaunch& launch, const void* crow_indices, const void* col_indices,
                 cudaStream_t stream) {
    const std::int64_t ctas = 1 + ceil_div(launch.nnzb, kCopyThreads);
    copy_pattern<<<static_cast<unsigned>(ctas), kCopyThreads, 0, stream>>>(
        launch, static_cast<const Index*>(crow_indices), static_cast<const Index*>(col_indices));
    check_cuda(cudaGetLastError(), "launch of copy_pattern");
}

/// The first CTA makes the order of work, the others write the lists of a group each: neither needs the other.
template <int kStreamsOfLane>
__global__ void __launch_bounds__(kMostThreads<kStreamsOfLane>) order_and_write(const ReplanLaunch p) {
    if (blockIdx.x > 0) {
        if (threadIdx.x < lists::kThreads) {
            lists::write(p, static_cast<int>(blockIdx.x) - 1);
        }
    } else if (threadIdx.x < order::Streams<kStreamsOfLane>::kThreads) {
        order::order_of_work<kStreamsOfLane>(p);
    }
}

template <int kStreamsOfLane>
void launch_order(const ReplanLaunch& launch, cudaStream_t stream) {
    const int groups = launch.lists.groups;
    const int threads = groups > 0 ? kMostThreads<kStreamsOfLane> : order::Streams<kStreamsOfLane>::kThreads;
    const std::size_t shared = groups > 0 ? lists::shared_bytes(launch.lists.steps_of_a) : 0;
    order_and_write<kStreamsOfLane><<<1 + groups, threads, shared, stream>>>(launch);
    check_cuda(cudaGetLastError(), "launch of order_and_write");
}

/// Loads a kernel that has the lists of small blocks in shared memory.
void load(void (*kernel)(ReplanLaunch)) {
    check_cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    static_cast<int>(lists::shared_bytes(kMostDynamicSteps))),
               "cudaFuncSetAttribute(replan)");
}

void load(const void* kernel) {
    cudaFuncAttributes attributes{};
    check_cuda(cudaFuncGetAttributes(&attributes, kernel), "cudaFuncGetAttributes(replan)");
}

}  // namespace

void prepare_replan() {
    load(reinterpret_cast<const void*>(copy_pattern<std::int32_t>));
    load(reinterpret_cast<const void*>(copy_pattern<std::int64_t>));
    load(lists::count_stages);
    load(order_and_write<3>);
    load(order_and_write<5>);
    load(order_and_write<8>);
}

void launch_replan(const ReplanLaunch& launch, const void* crow_indices, const void* col_indices,
                   IndexType type, Stream stream) {
    const auto queue = static_cast<cudaStream_t>(stream);
    if (type == IndexType::i64) {
        launch_copy<std::int64_t>(launch, crow_indices, col_indices, queue);
    } else {
        launch_copy<std::int32_t>(launch, crow_indices, col_indices, queue);
    }
    if (launch.lists.groups > 0) {
        lists::count_stages<<<static_cast<unsigned>(launch.lists.groups), lists::kThreads,
                              lists::shared_bytes(launch.lists.steps_of_a), queue>>>(launch);
        check_cuda(cudaGetLastError(), "launch of count_stages");
    }
    const int streams = launch.schedule.streams;
    if (streams > order::Streams<5>::kCount) {
        launch_order<8>(launch, queue);
    } else if (streams > order::Streams<3>::kCount) {
        launch_order<5>(launch, queue);
    } else if (streams > 0) {
        launch_order<3>(launch, queue);
    }
}

}  // namespace bsk
