#include "kernels/lines/copy_lines.h"

#include "base/cuda.h"
#include "base/math.h"

namespace bsk {

namespace {

constexpr int kThreads = 256;
constexpr int kPerThread = 8;  // elements, kThreads apart, so that a warp reads and writes neighbours
constexpr int kSegment = kThreads * kPerThread;

/// A CTA writes kSegment elements of a line.
template <class T>
__global__ void __launch_bounds__(kThreads)
    copy_lines(const Lines lines, std::int64_t segments, const T* source, const LineStrides from, T* target,
               const LineStrides to, std::int64_t target_length) {
    const std::int64_t line = blockIdx.x / segments;
    const std::int64_t first = blockIdx.x % segments * kSegment + threadIdx.x;
    const std::int64_t matrix = line / lines.count;
    source += matrix * from.matrix + (line - matrix * lines.count) * from.line;
    target += matrix * to.matrix + (line - matrix * lines.count) * to.line;
    T values[kPerThread];
#pragma unroll
    for (int i = 0; i < kPerThread; ++i) {
        const std::int64_t at = first + i * kThreads;
        values[i] = at < lines.length ? source[at] : T{};
    }
#pragma unroll
    for (int i = 0; i < kPerThread; ++i) {
        const std::int64_t at = first + i * kThreads;
        if (at < target_length) {
            target[at] = values[i];
        }
    }
}

template <class T>
void launch(const Lines& lines, std::int64_t batch, const void* source, const LineStrides& from, void* target,
            const LineStrides& to, std::int64_t target_length, Stream stream) {
    const std::int64_t segments = ceil_div(target_length, kSegment);
    const std::int64_t ctas = segments * lines.count * batch;
    if (ctas > 0) {
        copy_lines<T><<<static_cast<unsigned>(ctas), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(
            lines, segments, static_cast<const T*>(source), from, static_cast<T*>(target), to, target_length);
        check_cuda(cudaGetLastError(), "the launch of copy_lines");
    }
}

}  // namespace

void prepare_copy_lines() {
    cudaFuncAttributes attributes{};
    check_cuda(cudaFuncGetAttributes(&attributes, copy_lines<std::uint16_t>),
               "cudaFuncGetAttributes(copy_lines)");
    check_cuda(cudaFuncGetAttributes(&attributes, copy_lines<std::uint32_t>),
               "cudaFuncGetAttributes(copy_lines)");
}

void launch_copy_lines(const Lines& lines, std::int64_t batch, int element_bytes, const void* source,
                       const LineStrides& from, void* target, const LineStrides& to,
                       std::int64_t target_length, Stream stream) {
    if (element_bytes == 2) {
        launch<std::uint16_t>(lines, batch, source, from, target, to, target_length, stream);
    } else {
        launch<std::uint32_t>(lines, batch, source, from, target, to, target_length, stream);
    }
}

}  // namespace bsk
