#include <bsk/spmm.h>

#include <cstddef>

#include "api/plan_state.h"
#include "base/check.h"
#include "base/format_device.h"
#include "kernels/cpu/spmm_cpu.h"
#include "kernels/sm80/spmm_skinny.h"
#include "kernels/sm80/spmm_sm80.h"
#ifdef BSK_HAS_SM90
#include "kernels/sm90/spmm_sm90.h"
#include "kernels/sm90/spmm_sm90_small.h"
#endif

namespace bsk {

namespace {

void check_pattern(const BsrView& planned, const BsrView& a) {
    require(a.m == planned.m && a.k == planned.k && a.block_m == planned.block_m &&
                a.block_k == planned.block_k && a.nnzb == planned.nnzb,
            ErrorCode::invalid_argument,
            "A is {} x {} with {} blocks of {}x{}, but the plan was made for {} x {} with {} blocks of "
            "{}x{}; make a plan for this pattern.",
            a.m, a.k, a.nnzb, a.block_m, a.block_k, planned.m, planned.k, planned.nnzb, planned.block_m,
            planned.block_k);
    require(a.dtype == planned.dtype, ErrorCode::dtype_mismatch, "A is {}, but the plan was made for {}.",
            name(a.dtype), name(planned.dtype));
    require(a.device == planned.device, ErrorCode::device_mismatch,
            "The values of A are on {}, the plan on {}.", a.device, planned.device);
    require(a.values != nullptr || a.nnzb == 0, ErrorCode::invalid_argument,
            "The values of A are null although nnzb = {}.", a.nnzb);
}

/// Checks a dense operand against what the plan expects of it.
void check_dense(const char* argument, const ConstMatrixView& x, std::int64_t rows, std::int64_t cols,
                 DType dtype, Layout layout, std::int64_t ld, const Device& device) {
    require(x.rows == rows && x.cols == cols, ErrorCode::invalid_argument, "{} is {} x {}: expected {} x {}.",
            argument, x.rows, x.cols, rows, cols);
    require(x.dtype == dtype, ErrorCode::dtype_mismatch, "{} is {}: expected {}.", argument, name(x.dtype),
            name(dtype));
    require(x.device == device, ErrorCode::device_mismatch, "{} is on {}, the plan on {}.", argument,
            x.device, device);
    require(x.layout == layout && x.ld == ld, ErrorCode::invalid_argument,
            "{} is {} with ld = {}, but the plan was made for {} with ld = {}.", argument, name(x.layout),
            x.ld, name(layout), ld);
    require(x.data != nullptr || rows * cols == 0, ErrorCode::invalid_argument,
            "{} is null: expected {} x {}.", argument, rows, cols);
}

/// The bytes a dense view spans.
struct Span {
    const std::byte* begin;
    const std::byte* end;
};

Span span_of(const ConstMatrixView& x) {
    const auto* begin = static_cast<const std::byte*>(x.data);
    const bool row_major = x.layout == Layout::row_major;
    const std::int64_t lines = row_major ? x.rows : x.cols;
    const std::int64_t line = row_major ? x.cols : x.rows;
    return {begin, begin + (lines * line == 0 ? 0 : ((lines - 1) * x.ld + line) * size_of(x.dtype))};
}

bool overlap(const Span& a, const Span& b) {
    return a.begin < b.end && b.begin < a.end;
}

void check_apart(const BsrView& a, const ConstMatrixView& b, const ConstMatrixView& c) {
    const Span out = span_of(c);
    const auto* values = static_cast<const std::byte*>(a.values);
    const Span stored{values, values + a.nnzb * a.block_m * a.block_k * size_of(a.dtype)};
    require(!overlap(out, span_of(b)), ErrorCode::invalid_argument,
            "C overlaps B in memory; give C a buffer of its own.");
    require(!overlap(out, stored), ErrorCode::invalid_argument,
            "C overlaps the values of A in memory; give C a buffer of its own.");
}

/// A pointer that a CUDA kernel will read or write: on the plan's device and aligned to `alignment` bytes.
void check_pointer(const char* argument, const void* pointer, int alignment, const Device& device) {
    if (pointer == nullptr) {
        return;  // nothing is stored behind it, the shapes say so
    }
    require(reinterpret_cast<std::uintptr_t>(pointer) % alignment == 0, ErrorCode::misaligned,
            "{} starts at {}, which is not a multiple of {} bytes; pass an aligned buffer (cudaMalloc aligns "
            "to 256 bytes).",
            argument, pointer, alignment);
    cudaPointerAttributes attributes{};
    check_cuda(cudaPointerGetAttributes(&attributes, pointer), "cudaPointerGetAttributes");
    require(attributes.type == cudaMemoryTypeDevice || attributes.type == cudaMemoryTypeManaged,
            ErrorCode::device_mismatch, "{} points to host memory, but the plan is for {}; copy it there.",
            argument, device);
    require(attributes.device == device.index || attributes.type == cudaMemoryTypeManaged,
            ErrorCode::device_mismatch,
            "{} points to memory of CUDA device {}, but the plan is for device {}.", argument,
            attributes.device, device.index);
}

void launch_cuda(const PlanState& plan, const BsrView& a, const ConstMatrixView& b, const MatrixView& c,
                 float alpha, float beta, Stream stream) {
    constexpr int kTmaAlignment = 16;
    const KernelId kernel = plan.host.choice.kernel;
    const bool tma = kernel == KernelId::spmm_sm90 || kernel == KernelId::spmm_sm90_small;
    check_pointer("values", a.values, kTmaAlignment, plan.device);
    check_pointer("B", b.data, tma ? kTmaAlignment : static_cast<int>(size_of(b.dtype)), plan.device);
    check_pointer("C", c.data, tma ? kTmaAlignment : static_cast<int>(size_of(c.dtype)), plan.device);

    const DeviceGuard guard(plan.device.index);
    SpmmLaunch launch = plan.launch;
    launch.values = a.values;
    launch.b = b.data;
    launch.c = c.data;
    launch.alpha = alpha;
    launch.beta = beta;
    switch (kernel) {
        case KernelId::spmm_simt: launch_spmm_simt(launch, stream); break;
        case KernelId::spmm_sm80: launch_spmm_sm80(launch, stream); break;
        case KernelId::spmm_skinny: launch_spmm_skinny(launch, stream); break;
#ifdef BSK_HAS_SM90
        case KernelId::spmm_sm90: launch_spmm_sm90(launch, stream); break;
        case KernelId::spmm_sm90_small: launch_spmm_sm90_small(launch, stream); break;
#endif
        default: fail(ErrorCode::internal, "Kernel {} is not a CUDA kernel of this build.", plan.kernel);
    }
}

}  // namespace

void spmm(const Plan& plan, const BsrView& a, const ConstMatrixView& b, const MatrixView& c, float alpha,
          float beta, Stream stream) {
    const PlanState& state = plan.state();
    const SpmmProblem& problem = state.host.problem;
    const BsrView& planned = state.pattern;
    check_pattern(planned, a);
    check_dense("B", b, planned.k, problem.n, planned.dtype, problem.b_layout, problem.ldb, state.device);
    const ConstMatrixView out{c.data, c.dtype, c.rows, c.cols, c.layout, c.ld, c.device};
    check_dense("C", out, planned.m, problem.n, problem.c_dtype, problem.c_layout, problem.ldc, state.device);
    check_apart(a, b, out);
    if (planned.m == 0 || problem.n == 0) {
        return;
    }
    if (state.device.type == DeviceType::cpu) {
        BsrView matrix = planned;
        matrix.values = a.values;
        spmm_cpu(matrix, b, c, alpha, beta);
    } else {
        launch_cuda(state, a, b, c, alpha, beta, stream);
    }
}

}  // namespace bsk
