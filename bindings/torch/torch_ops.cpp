// PyTorch operators on LibTorch's stable ABI, so that one library serves every torch from 2.10 on and every
// Python. They take the plain tensors of a BSR matrix, never a sparse one, and refer to plans by number.
// Errors leave as bsk::Error, which PyTorch shows as RuntimeError with the library's sentence.
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include <torch/csrc/stable/library.h>

#include <bsk/device.h>
#include <bsk/packed.h>
#include <bsk/plan.h>
#include <bsk/spmm.h>

#include "base/check.h"
#include "plan_registry.h"
#include "tensors.h"

namespace {

using namespace bsk::torch_ops;
using bsk::ErrorCode;
using bsk::require;

/// Plans for the device, dtype and block of `values` [nnzb, block_m, block_k]; the indices may be on the CPU
/// or there. With `fixed_values` the plan takes a copy where its kernel reads them in another form.
std::int64_t make_plan(const Tensor& crow_indices, const Tensor& col_indices, const Tensor& values,
                       std::int64_t m, std::int64_t k, std::int64_t n, ScalarType out_dtype, bool b_col_major,
                       bool out_col_major, std::int64_t ldb, std::int64_t ldc, std::int64_t batch,
                       std::int64_t stride_b, std::int64_t stride_c, const std::string& kernel,
                       bool may_be_dense, bool dynamic, bool transpose_a, bool fixed_values) {
    bsk::BsrView a = pattern_of(crow_indices, col_indices, values, m, k);
    const bsk::SpmmProblem problem{n,
                                   dtype_of(out_dtype, "out_dtype"),
                                   layout_of(b_col_major),
                                   layout_of(out_col_major),
                                   ldb,
                                   ldc,
                                   batch,
                                   stride_b,
                                   stride_c,
                                   transpose_a};
    const bsk::Device device = device_of(values);
    bsk::PlanOptions options;
    options.kernel = kernel;
    options.policy = may_be_dense ? bsk::Policy::automatic : bsk::Policy::sparse;
    options.dynamic = dynamic;
    options.packed_values = fixed_values;
    Planned<bsk::Plan> planned{bsk::make_plan(a, problem, device, options), sizes_of(a, device)};
    if (fixed_values && planned.plan.packed_bytes() > 0) {
        require_values(values, a);
        a.device = device;
        a.values = values.const_data_ptr();
        planned.packed = bsk::pack_values(planned.plan, a, current_stream(device));
    }
    return PlanRegistry::instance().add(std::move(planned));
}

/// Replaces the pattern of a dynamic plan, on the current stream of its device.
void replan(std::int64_t plan, const Tensor& crow_indices, const Tensor& col_indices) {
    const auto planned = PlanRegistry::instance().find<bsk::Plan>(plan);
    bsk::BsrView a = planned->pattern;
    set_indices(a, crow_indices, col_indices);
    bsk::replan(planned->plan, a, current_stream(planned->plan.device()));
}

std::string version() {
    return bsk::version();
}

void free_plan(std::int64_t plan) {
    PlanRegistry::instance().remove(plan);
}

/// (explanation, kernel, predicted seconds, bytes held on the device)
std::tuple<std::string, std::string, double, std::int64_t> describe_plan(std::int64_t plan) {
    return PlanRegistry::instance().visit(plan, [](const auto& planned) {
        const auto& any = planned.plan;
        return std::tuple(any.explain(), std::string(any.kernel()), any.predicted_seconds(),
                          any.memory_bytes() + (planned.packed ? planned.packed->memory_bytes() : 0));
    });
}

/// out = activation(alpha*A*b + beta*residual + bias) on the current stream of the plan's device; `out` is the residual
/// where none is given. Tensors that are given as transposes of b or out spare Python a view of each.
void spmm_fused(std::int64_t plan, const Tensor& values, const Tensor& b, const Tensor& out, double alpha,
                double beta, const std::optional<Tensor>& bias, std::int64_t bias_axis,
                const std::optional<Tensor>& residual, std::int64_t activation, bool b_transposed,
                bool out_transposed) {
    const auto planned = PlanRegistry::instance().find<bsk::Plan>(plan);
    bsk::BsrView a = planned->pattern;
    const bsk::SpmmProblem& problem = planned->plan.problem();
    require_values(values, a);
    a.dtype = dtype_of(values.scalar_type(), "values");
    a.device = device_of(values);
    a.values = values.const_data_ptr();
    const std::int64_t out_rows = problem.transpose_a ? a.k : a.m;
    const std::int64_t b_rows = problem.transpose_a ? a.m : a.k;
    const Shape b_shape{b_rows, problem.n, problem.b_layout, problem.ldb, problem.batch, problem.stride_b};
    const Shape out_shape{out_rows,    problem.n,     problem.c_layout,
                          problem.ldc, problem.batch, problem.stride_c};
    const auto b_view = matrix_of<bsk::ConstMatrixView>(b, b.const_data_ptr(), b_shape, "b", b_transposed);
    const auto out_view =
        matrix_of<bsk::MatrixView>(out, out.mutable_data_ptr(), out_shape, "out", out_transposed);
    bsk::Epilogue epilogue;
    epilogue.activation = static_cast<bsk::Activation>(activation);
    if (bias) {
        epilogue.bias_axis = static_cast<bsk::BiasAxis>(bias_axis);
        require_vector(*bias, epilogue.bias_axis == bsk::BiasAxis::row ? out_rows : problem.n, "bias");
        require(dtype_of(bias->scalar_type(), "bias") == problem.c_dtype && device_of(*bias) == a.device,
                ErrorCode::invalid_argument, "bias differs from out in dtype or device.");
        epilogue.bias = bias->const_data_ptr();
    }
    if (residual) {
        epilogue.residual = matrix_of<bsk::ConstMatrixView>(*residual, residual->const_data_ptr(), out_shape,
                                                            "residual", out_transposed);
    }
    const auto multiply = [&](const auto& a_values) {
        bsk::spmm(planned->plan, a_values, b_view, out_view, static_cast<float>(alpha),
                  static_cast<float>(beta), current_stream(planned->plan.device()), epilogue);
    };
    if (planned->packed) {
        multiply(*planned->packed);
    } else {
        multiply(a);
    }
}

void spmm(std::int64_t plan, const Tensor& values, const Tensor& b, const Tensor& out, double alpha,
          double beta, bool b_transposed, bool out_transposed) {
    spmm_fused(plan, values, b, out, alpha, beta, std::nullopt, 0, std::nullopt, 0, b_transposed,
               out_transposed);
}

/// activation(A*b + bias) as a new tensor, row-major or, `out_transposed`, the transpose of that.
Tensor product(std::int64_t plan, const Tensor& values, const Tensor& b, const std::optional<Tensor>& bias,
               std::int64_t activation, bool b_transposed, bool out_transposed) {
    const auto planned = PlanRegistry::instance().find<bsk::Plan>(plan);
    const bsk::SpmmProblem& problem = planned->plan.problem();
    const std::int64_t rows = problem.transpose_a ? planned->pattern.k : planned->pattern.m;
    const std::int64_t sizes[]{out_transposed ? problem.n : rows, out_transposed ? rows : problem.n};
    const Tensor out = new_tensor(values, sizes);
    spmm_fused(plan, values, b, out, 1.0, 0.0, bias, 0, std::nullopt, activation, b_transposed,
               out_transposed);
    return out;
}

}  // namespace

STABLE_TORCH_LIBRARY(blackwellsparsek, m) {
    m.def(
        "make_plan(Tensor crow_indices, Tensor col_indices, Tensor values, int m, int k, int n, ScalarType "
        "out_dtype, "
        "bool b_col_major, bool out_col_major, int ldb, int ldc, int batch, int stride_b, int stride_c, "
        "str kernel, bool may_be_dense, bool dynamic, bool transpose_a=False, bool fixed_values=False) -> "
        "int");
    m.def(
        "product(int plan, Tensor values, Tensor b, Tensor? bias, int activation, bool b_transposed, "
        "bool out_transposed) -> Tensor");
    m.def("replan(int plan, Tensor crow_indices, Tensor col_indices) -> ()");
    m.def("version() -> str");
    m.def("free_plan(int plan) -> ()");
    m.def("describe_plan(int plan) -> (str, str, float, int)");
    m.def(
        "spmm(int plan, Tensor values, Tensor b, Tensor(a!) out, float alpha, float beta, "
        "bool b_transposed=False, bool out_transposed=False) -> ()");
    m.def(
        "spmm_fused(int plan, Tensor values, Tensor b, Tensor(a!) out, float alpha, float beta, Tensor? "
        "bias, "
        "int bias_axis, Tensor? residual, int activation, bool b_transposed=False, bool "
        "out_transposed=False) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(blackwellsparsek, CompositeExplicitAutograd, m) {  // no tensor says which device
    m.impl("version", TORCH_BOX(&version));
    m.impl("free_plan", TORCH_BOX(&free_plan));
    m.impl("describe_plan", TORCH_BOX(&describe_plan));
}

STABLE_TORCH_LIBRARY_IMPL(blackwellsparsek, CPU, m) {
    m.impl("make_plan", TORCH_BOX(&make_plan));
    m.impl("product", TORCH_BOX(&product));
    m.impl("replan", TORCH_BOX(&replan));
    m.impl("spmm", TORCH_BOX(&spmm));
    m.impl("spmm_fused", TORCH_BOX(&spmm_fused));
}

STABLE_TORCH_LIBRARY_IMPL(blackwellsparsek, CUDA, m) {
    m.impl("make_plan", TORCH_BOX(&make_plan));
    m.impl("product", TORCH_BOX(&product));
    m.impl("replan", TORCH_BOX(&replan));
    m.impl("spmm", TORCH_BOX(&spmm));
    m.impl("spmm_fused", TORCH_BOX(&spmm_fused));
}
