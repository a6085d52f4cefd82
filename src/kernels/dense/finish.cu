// Applies an epilogue to a product in fp32. Each thread owns 8 neighbouring elements of a line of C.
#include "kernels/dense/finish.h"

#include "base/cuda.h"
#include "base/math.h"
#include "kernels/activation.cuh"
#include "kernels/sm80/run.cuh"

namespace bsk {

namespace {

using sm80::kRun;
using sm80::Run;

constexpr int kThreads = 256;

/// Lines of C: its rows where it is row-major, else its columns.
struct Lines {
    std::int64_t count = 0;
    std::int64_t length = 0;
    bool are_rows = true;
    bool aligned = false;  ///< every run of C and R may be moved in accesses of 16 bytes
};

/// Grid: x, runs of all lines; z, the products of a batch.
template <class C>
__global__ void __launch_bounds__(kThreads)
    finish(const __grid_constant__ SpmmLaunch launch, const float* sums, const SumsLayout layout,
           const Lines lines) {
    const std::int64_t runs_per_line = (lines.length + kRun - 1) / kRun;
    const std::int64_t index = blockIdx.x * std::int64_t{kThreads} + threadIdx.x;
    if (index >= lines.count * runs_per_line) {
        return;
    }
    const std::int64_t line = index / runs_per_line;
    const std::int64_t first = index % runs_per_line * kRun;
    const std::int64_t count = lines.length - first;
    // Lines of sums are padded to whole runs.
    const auto* source =
        reinterpret_cast<const float4*>(sums + blockIdx.z * layout.stride + line * layout.ld + first);
    const float4 low = source[0];
    const float4 high = source[1];
    float x[kRun] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
    const std::int64_t offset = blockIdx.z * launch.stride_c + line * launch.ldc + first;
    if (launch.beta != 0.0F) {
        const Run<C> residual =
            sm80::load_run<C>(static_cast<const C*>(launch.residual) + offset, count, lines.aligned);
#pragma unroll
        for (int i = 0; i < kRun; ++i) {
            x[i] += launch.beta * sm80::to_float(residual.value[i]);
        }
    }
    if (launch.bias != nullptr) {
        const auto* bias = static_cast<const C*>(launch.bias);
        const bool one_a_line = lines.are_rows == (launch.bias_axis == BiasAxis::row);
#pragma unroll
        for (int i = 0; i < kRun; ++i) {
            if (i < count) {
                x[i] += sm80::to_float(bias[one_a_line ? line : first + i]);
            }
        }
    }
    activate<sm80::kDType<C>>(launch.activation, x);
    Run<C> run;
#pragma unroll
    for (int i = 0; i < kRun; ++i) {
        sm80::round_to(run.value[i], x[i]);
    }
    sm80::store_run<C>(run, static_cast<C*>(launch.c) + offset, count, lines.aligned);
}

template <class C>
void prepare_as() {
    cudaFuncAttributes attributes{};
    check_cuda(cudaFuncGetAttributes(&attributes, finish<C>), "cudaFuncGetAttributes(finish)");
}

template <class C>
void launch_as(const SpmmLaunch& launch, const float* sums, Stream stream) {
    constexpr std::int64_t kRunBytes = kRun * sizeof(C);
    const bool rows = launch.c_layout == Layout::row_major;
    Lines lines{rows ? launch.m : launch.n, rows ? launch.n : launch.m, rows};
    const auto starts_run = [](auto bytes) { return static_cast<std::int64_t>(bytes) % kRunBytes == 0; };
    lines.aligned = starts_run(reinterpret_cast<std::uintptr_t>(launch.c)) &&
                    starts_run(reinterpret_cast<std::uintptr_t>(launch.residual)) &&
                    starts_run(launch.ldc * sizeof(C)) && starts_run(launch.stride_c * sizeof(C));
    const dim3 grid(static_cast<unsigned>(ceil_div(lines.count * ceil_div(lines.length, kRun), kThreads)), 1,
                    static_cast<unsigned>(launch.batch));
    finish<C><<<grid, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(launch, sums, sums_layout_of(launch),
                                                                        lines);
    check_cuda(cudaGetLastError(), "the launch of finish");
}

}  // namespace

void prepare_finish(const SpmmLaunch& launch) {
    switch (launch.c_dtype) {
        case DType::f16: return prepare_as<__half>();
        case DType::bf16: return prepare_as<__nv_bfloat16>();
        case DType::f32: return prepare_as<float>();
    }
}

void launch_finish(const SpmmLaunch& launch, const float* sums, Stream stream) {
    switch (launch.c_dtype) {
        case DType::f16: return launch_as<__half>(launch, sums, stream);
        case DType::bf16: return launch_as<__nv_bfloat16>(launch, sums, stream);
        case DType::f32: return launch_as<float>(launch, sums, stream);
    }
}

}  // namespace bsk
