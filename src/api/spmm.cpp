#include <bsk/spmm.h>

#include <cstddef>
#include <optional>

#include <bsk/packed.h>

#include "api/aligned_operands.h"
#include "api/checks.h"
#include "api/pack.h"
#include "api/span.h"
#include "base/check.h"
#include "base/format_device.h"
#include "base/stream_buffer.h"
#include "kernels/cpu/spmm_cpu.h"
#include "kernels/dense/dense_cublas.h"
#include "kernels/sm80/spmm_skinny.h"
#include "kernels/sm80/spmm_sm80.h"
#ifdef BSK_HAS_SM90
#include "kernels/sm90/spmm_sm90.h"
#include "kernels/sm90/spmm_sm90_pairs.h"
#include "kernels/sm90/spmm_sm90_small.h"
#endif

namespace bsk {

namespace {

void check_pattern(const BsrView& planned, const BsrView& a) {
    check_sizes(planned, a);
    require(a.dtype == planned.dtype, ErrorCode::dtype_mismatch, "A is {}, but the plan was made for {}.",
            name(a.dtype), name(planned.dtype));
    require(a.device == planned.device, ErrorCode::device_mismatch,
            "The values of A are on {}, the plan on {}.", a.device, planned.device);
    require(a.values != nullptr || a.nnzb == 0, ErrorCode::invalid_argument,
            "The values of A are null although nnzb = {}.", a.nnzb);
}

std::int64_t bias_length(const Epilogue& epilogue, const ConstMatrixView& c) {
    return epilogue.bias_axis == BiasAxis::row ? c.rows : c.cols;
}

void check_apart(const SpmmProblem& problem, const BsrView& a, const ConstMatrixView& b,
                 const ConstMatrixView& c, const Epilogue& epilogue, float beta) {
    const Span out = span_of(c, problem.batch, problem.stride_c);
    const auto require_apart = [&](const Span& input, const char* argument) {
        require(!overlap(out, input), ErrorCode::invalid_argument,
                "C overlaps {} in memory; give C a buffer of its own.", argument);
    };
    require_apart(span_of(b, problem.batch, problem.stride_b), "B");
    require_apart(span_of_elements(a.values, a.nnzb * a.block_m * a.block_k, a.dtype), "the values of A");
    require_apart(span_of_elements(epilogue.bias, bias_length(epilogue, c), c.dtype), "the bias");
    if (beta != 0.0F && epilogue.residual.data != c.data) {
        require_apart(span_of(epilogue.residual, problem.batch, problem.stride_c), "the residual");
    }
}

/// The epilogue with its defaults filled in, checked against C.
Epilogue checked(Epilogue epilogue, const ConstMatrixView& c) {
    const int activation = static_cast<int>(epilogue.activation);
    require(activation >= 0 && activation <= static_cast<int>(Activation::silu), ErrorCode::invalid_argument,
            "activation is {}; expected 0 to {}, see types.h.", activation,
            static_cast<int>(Activation::silu));
    const int axis = static_cast<int>(epilogue.bias_axis);
    require(axis == 0 || axis == 1, ErrorCode::invalid_argument,
            "bias_axis is {}; expected 0 (row) or 1 (column).", axis);
    if (epilogue.residual.data == nullptr) {
        epilogue.residual = c;
    } else {
        check_dense("The residual", epilogue.residual, c.rows, c.cols, c.dtype, c.layout, c.ld, c.device);
    }
    return epilogue;
}

/// @param packed  the values in the kernel's own form; null where it reads them as they are or shall pack them now
void launch_cuda(const PlanState& plan, const BsrView& a, const void* packed, const ConstMatrixView& b,
                 const MatrixView& c, float alpha, float beta, Stream stream, const Epilogue& epilogue) {
    const KernelId kernel = plan.host.choice.kernel;
    const bool tma = is_hopper(kernel);
    check_pointer("values", a.values, kValuesAlignment, plan.device);
    const int c_element = static_cast<int>(size_of(c.dtype));
    const int b_element = static_cast<int>(size_of(b.dtype));
    const int b_alignment = tma && !plan.host.copies_b ? kTmaAlignment : b_element;
    const int c_alignment = tma && !plan.host.c_is_off_tma() ? kTmaAlignment : c_element;
    check_pointer("B", b.data, b_alignment, plan.device);
    check_pointer("C", c.data, c_alignment, plan.device);
    check_pointer("The bias", epilogue.bias, c_element, plan.device);
    if (beta != 0.0F && epilogue.residual.data != c.data) {
        check_pointer("The residual", epilogue.residual.data, c_alignment, plan.device);
    }

    const DeviceGuard guard(plan.device.index);
    SpmmLaunch launch = plan.launch;
    launch.values = a.values;
    launch.b = b.data;
    launch.c = c.data;
    launch.alpha = alpha;
    launch.beta = beta;
    launch.residual = beta != 0.0F ? epilogue.residual.data : c.data;
    launch.bias = epilogue.bias;
    launch.bias_axis = epilogue.bias_axis;
    launch.activation = epilogue.activation;
    std::optional<StreamBuffer> packed_now;
    if (plan.host.packed_bytes > 0 && packed == nullptr) {
        packed_now.emplace(static_cast<std::size_t>(plan.host.packed_bytes), stream);
        pack(launch, plan.sources, packed_now->data(), stream);
        packed = packed_now->data();
    }
    launch.packed = packed;
    if (plan.host.transposes_values && kernel != KernelId::dense_cublas) {
        launch.values = packed;
    }
    const AlignedOperands operands(plan.host, launch, stream);
    switch (kernel) {
        case KernelId::spmm_simt: launch_spmm_simt(launch, stream); break;
        case KernelId::spmm_sm80: launch_spmm_sm80(launch, stream); break;
        case KernelId::spmm_skinny: launch_spmm_skinny(launch, stream); break;
        case KernelId::dense_cublas: launch_dense_cublas(launch, stream); break;
#ifdef BSK_HAS_SM90
        case KernelId::spmm_sm90: launch_spmm_sm90(launch, stream); break;
        case KernelId::spmm_sm90_pairs: launch_spmm_sm90_pairs(launch, stream); break;
        case KernelId::spmm_sm90_small: launch_spmm_sm90_small(launch, stream); break;
#endif
        default: fail(ErrorCode::internal, "Kernel {} is not a CUDA kernel of this build.", plan.kernel);
    }
    operands.finish();
}

/// One product of the batch after the other.
void compute_cpu(const SpmmProblem& problem, const BsrView& a, const std::int32_t* sources, ConstMatrixView b,
                 MatrixView c, float alpha, float beta, Epilogue epilogue) {
    const auto advance = [](const void* data, std::int64_t elements, DType dtype) {
        return static_cast<const std::byte*>(data) + elements * size_of(dtype);
    };
    for (std::int64_t i = 0; i < problem.batch; ++i) {
        spmm_cpu(a, sources, b, c, alpha, beta, epilogue);
        b.data = advance(b.data, problem.stride_b, b.dtype);
        c.data = static_cast<std::byte*>(c.data) + problem.stride_c * size_of(c.dtype);
        epilogue.residual.data = advance(epilogue.residual.data, problem.stride_c, c.dtype);
    }
}

/// @param packed  as launch_cuda takes it
void run(const PlanState& state, const BsrView& a, const void* packed, const ConstMatrixView& b,
         const MatrixView& c, float alpha, float beta, Stream stream, const Epilogue& epilogue) {
    const SpmmProblem& problem = state.host.problem;
    const BsrView& planned = state.pattern;
    check_pattern(state.stored_sizes(), a);
    check_dense("B", b, planned.k, problem.n, planned.dtype, problem.b_layout, problem.ldb, state.device);
    const ConstMatrixView out{c.data, c.dtype, c.rows, c.cols, c.layout, c.ld, c.device};
    check_dense("C", out, planned.m, problem.n, problem.c_dtype, problem.c_layout, problem.ldc, state.device);
    const Epilogue complete = checked(epilogue, out);
    check_apart(problem, a, b, out, complete, beta);
    if (planned.m == 0 || problem.n == 0) {
        return;
    }
    if (state.device.type == DeviceType::cpu) {
        BsrView matrix = planned;
        matrix.values = a.values;
        compute_cpu(problem, matrix, state.sources, b, c, alpha, beta, complete);
    } else {
        launch_cuda(state, a, packed, b, c, alpha, beta, stream, complete);
    }
}

}  // namespace

void spmm(const Plan& plan, const BsrView& a, const ConstMatrixView& b, const MatrixView& c, float alpha,
          float beta, Stream stream, const Epilogue& epilogue) {
    run(plan.state(), a, nullptr, b, c, alpha, beta, stream, epilogue);
}

void spmm(const Plan& plan, const PackedValues& a, const ConstMatrixView& b, const MatrixView& c, float alpha,
          float beta, Stream stream, const Epilogue& epilogue) {
    const PlanState& state = plan.state();
    const PackedState& packed = a.state();
    require(packed.signature == state.signature, ErrorCode::invalid_argument,
            "The values were packed for another pattern than the plan's; pack them for this plan.");
    require(packed.kernel == state.host.choice.kernel, ErrorCode::invalid_argument,
            "The values were packed for {}, but the plan runs {}; pack them for this plan.",
            name(packed.kernel), plan.kernel());
    run(state, packed.a, packed.values.as<void>(), b, c, alpha, beta, stream, epilogue);
}

PackedValues pack_values(const Plan& plan, const BsrView& a, Stream stream) {
    const PlanState& state = plan.state();
    require(!state.dynamic, ErrorCode::unsupported,
            "Values are not packed for a dynamic plan, whose pattern may change; pass them as they are.");
    check_pattern(state.stored_sizes(), a);
    auto packed = std::make_shared<PackedState>();
    packed->a = a;
    packed->kernel = state.host.choice.kernel;
    packed->signature = state.signature;
    if (state.host.packed_bytes > 0) {
        check_pointer("values", a.values, kValuesAlignment, state.device);
        const DeviceGuard guard(state.device.index);
        packed->values = DeviceBuffer(static_cast<std::size_t>(state.host.packed_bytes));
        packed->a.values = packed->values.as<void>();
        SpmmLaunch launch = state.launch;
        launch.values = a.values;
        pack(launch, state.sources, packed->values.as<void>(), stream);
    }
    return PackedValues(std::move(packed));
}

}  // namespace bsk
