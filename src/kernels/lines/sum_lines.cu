// A CTA sums kLanes runs of 8 neighbouring columns over all lines, so that nothing is added up between CTAs: its threads are
// kLanes side by side times 1024/kLanes lines at a time. They add up through shuffles, then warps through shared memory.
// Bound by memory.
#include "kernels/lines/sum_lines.h"

#include "base/cuda.h"
#include "base/math.h"
#include "kernels/sm80/run.cuh"

namespace bsk {

namespace {

constexpr int kThreads = 1024;
constexpr int kWarps = kThreads / 32;
constexpr int kUnroll = 4;  // loads of a thread in flight; docs/worklog/training.md
static_assert(kSumRun == sm80::kRun);

template <class T, int kLanes>
__global__ void __launch_bounds__(kThreads)
    sum_lines(const T* source, std::int64_t lines, std::int64_t length, std::int64_t ld, T* sums) {
    constexpr int kLines = kThreads / kLanes;
    constexpr int kCols = kLanes * kSumRun;
    const int lane = threadIdx.x % kLanes;
    const std::int64_t first_col = static_cast<std::int64_t>(blockIdx.x) * kCols;
    const std::int64_t col = first_col + lane * kSumRun;
    float sum[kSumRun] = {};
    if (col < length) {
        const T* at = source + col;
        const auto add = [&](const sm80::Run<T>& run) {
#pragma unroll
            for (int i = 0; i < kSumRun; ++i) {
                sum[i] += sm80::to_float(run.value[i]);
            }
        };
        std::int64_t line = threadIdx.x / kLanes;
        for (; line + (kUnroll - 1) * kLines < lines; line += kUnroll * kLines) {
            sm80::Run<T> runs[kUnroll];
#pragma unroll
            for (int i = 0; i < kUnroll; ++i) {
                runs[i] = *reinterpret_cast<const sm80::Run<T>*>(at + (line + i * kLines) * ld);
            }
#pragma unroll
            for (int i = 0; i < kUnroll; ++i) {
                add(runs[i]);
            }
        }
        for (; line < lines; line += kLines) {
            add(*reinterpret_cast<const sm80::Run<T>*>(at + line * ld));
        }
    }
    __shared__ float of_warp[kWarps][kCols];
    const int warp = threadIdx.x / 32;
#pragma unroll
    for (int i = 0; i < kSumRun; ++i) {
#pragma unroll
        for (int apart = kLanes; apart < 32; apart *= 2) {
            sum[i] += __shfl_xor_sync(0xFFFFFFFF, sum[i], apart);
        }
        if (threadIdx.x % 32 < kLanes) {
            of_warp[warp][lane * kSumRun + i] = sum[i];
        }
    }
    __syncthreads();
    if (threadIdx.x < kCols && first_col + threadIdx.x < length) {
        float total = 0;
        for (int w = 0; w < kWarps; ++w) {
            total += of_warp[w][threadIdx.x];
        }
        sm80::round_to(sums[first_col + threadIdx.x], total);
    }
}

template <class T, int kLanes>
void launch(const void* source, std::int64_t lines, std::int64_t length, std::int64_t ld, void* sums,
            Stream stream) {
    const auto ctas = static_cast<unsigned>(ceil_div(length, kLanes * kSumRun));
    sum_lines<T, kLanes><<<ctas, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(
        static_cast<const T*>(source), lines, length, ld, static_cast<T*>(sums));
    check_cuda(cudaGetLastError(), "the launch of sum_lines");
}

template <class T>
void prepare_as() {
    cudaFuncAttributes attributes{};
    for (const auto kernel : {sum_lines<T, 8>, sum_lines<T, 4>, sum_lines<T, 2>}) {
        check_cuda(cudaFuncGetAttributes(&attributes, kernel), "cudaFuncGetAttributes(sum_lines)");
    }
}

/// As few lanes side by side, down to a sector of 32 bytes, as give about every SM of a large GPU a CTA.
template <class T>
void launch_as(const void* source, std::int64_t lines, std::int64_t length, std::int64_t ld, void* sums,
               Stream stream) {
    constexpr std::int64_t kCtas = 128;
    if (length >= kCtas * 8 * kSumRun) {
        launch<T, 8>(source, lines, length, ld, sums, stream);
    } else if (length >= kCtas * 4 * kSumRun) {
        launch<T, 4>(source, lines, length, ld, sums, stream);
    } else {
        launch<T, 2>(source, lines, length, ld, sums, stream);
    }
}

}  // namespace

void prepare_sum_lines(DType dtype) {
    if (dtype == DType::f16) {
        prepare_as<__half>();
    } else {
        prepare_as<__nv_bfloat16>();
    }
}

void launch_sum_lines(DType dtype, const void* source, std::int64_t lines, std::int64_t length,
                      std::int64_t ld, void* sums, Stream stream) {
    if (length == 0) {
        return;
    }
    if (dtype == DType::f16) {
        launch_as<__half>(source, lines, length, ld, sums, stream);
    } else {
        launch_as<__nv_bfloat16>(source, lines, length, ld, sums, stream);
    }
}

}  // namespace bsk
