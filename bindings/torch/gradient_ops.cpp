// What the gradients of a linear layer need beside products: sampled products for the weight, sums for the bias. As
// torch_ops.cpp.
#include <cstdint>
#include <string>

#include <torch/csrc/stable/library.h>

#include <bsk/sddmm.h>

#include "base/check.h"
#include "base/cuda.h"
#include "kernels/lines/sum_lines.h"
#include "plan_registry.h"
#include "tensors.h"

namespace {

using namespace bsk::torch_ops;
using bsk::ErrorCode;
using bsk::require;

/// As make_plan, for the sampled product of D1 [m, n] and D2 [n, k]; `values` says its dtype, out_dtype what it writes.
std::int64_t make_sddmm_plan(const Tensor& crow_indices, const Tensor& col_indices, const Tensor& values,
                             std::int64_t m, std::int64_t k, std::int64_t n, ScalarType out_dtype,
                             bool d1_col_major, bool d2_col_major, std::int64_t ld1, std::int64_t ld2,
                             const std::string& kernel) {
    const bsk::BsrView a = pattern_of(crow_indices, col_indices, values, m, k);
    const bsk::SddmmProblem problem{
        n, dtype_of(out_dtype, "out_dtype"), layout_of(d1_col_major), layout_of(d2_col_major), ld1, ld2};
    const bsk::Device device = device_of(values);
    if (device.type == bsk::DeviceType::cuda && a.dtype != bsk::DType::f32) {
        // A captured step that has this gradient may have that of the bias too, which is without a plan.
        const bsk::DeviceGuard guard(device.index);
        bsk::prepare_sum_lines(a.dtype);
    }
    return PlanRegistry::instance().add(
        Planned<bsk::SddmmPlan>{bsk::make_sddmm_plan(a, problem, device, kernel), sizes_of(a, device)});
}

/// values = alpha*(d1*d2) + beta*values at the stored blocks, on the current stream of the plan's device.
void sddmm(std::int64_t plan, const Tensor& d1, const Tensor& d2, const Tensor& values, double alpha,
           double beta, bool d1_transposed, bool d2_transposed) {
    const auto planned = PlanRegistry::instance().find<bsk::SddmmPlan>(plan);
    const bsk::BsrView& a = planned->pattern;
    const bsk::SddmmProblem& problem = planned->plan.problem();
    require_values(values, a);
    require(dtype_of(values.scalar_type(), "values") == problem.values_dtype && device_of(values) == a.device,
            ErrorCode::invalid_argument, "values differs from what the plan writes in dtype or device.");
    const Shape d1_shape{a.m, problem.n, problem.d1_layout, problem.ld1, 1, 0};
    const Shape d2_shape{problem.n, a.k, problem.d2_layout, problem.ld2, 1, 0};
    bsk::sddmm(planned->plan,
               matrix_of<bsk::ConstMatrixView>(d1, d1.const_data_ptr(), d1_shape, "d1", d1_transposed),
               matrix_of<bsk::ConstMatrixView>(d2, d2.const_data_ptr(), d2_shape, "d2", d2_transposed),
               values.mutable_data_ptr(), static_cast<float>(alpha), static_cast<float>(beta),
               current_stream(a.device));
}

/// d1*d2 at the stored blocks as a new tensor like `values`, which is not read.
Tensor sample(std::int64_t plan, const Tensor& d1, const Tensor& d2, const Tensor& values, bool d1_transposed,
              bool d2_transposed) {
    const std::int64_t sizes[]{values.size(0), values.size(1), values.size(2)};
    const Tensor out = new_tensor(values, sizes);
    sddmm(plan, d1, d2, out, 1.0, 0.0, d1_transposed, d2_transposed);
    return out;
}

/// The sums of a CUDA matrix over its rows, on its current stream. Rows start and end at multiples of 16 bytes.
Tensor column_sums(const Tensor& matrix) {
    const bsk::DType dtype = dtype_of(matrix.scalar_type(), "matrix");
    require(dtype != bsk::DType::f32, ErrorCode::dtype_mismatch,
            "matrix is of type float32; expected float16 or bfloat16.");
    require(matrix.dim() == 2 && matrix.stride(1) == 1 && matrix.stride(0) % bsk::kSumRun == 0 &&
                matrix.size(1) % bsk::kSumRun == 0 &&
                reinterpret_cast<std::uintptr_t>(matrix.const_data_ptr()) % 16 == 0,
            ErrorCode::invalid_argument,
            "matrix is no row-major matrix whose rows start and end at multiples of 16 bytes.");
    const bsk::Device device = device_of(matrix);
    const std::int64_t sizes[]{matrix.size(1)};
    const Tensor sums = new_tensor(matrix, sizes);
    const bsk::DeviceGuard guard(device.index);
    bsk::launch_sum_lines(dtype, matrix.const_data_ptr(), matrix.size(0), matrix.size(1), matrix.stride(0),
                          sums.mutable_data_ptr(), current_stream(device));
    return sums;
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(blackwellsparsek, m) {
    m.def(
        "make_sddmm_plan(Tensor crow_indices, Tensor col_indices, Tensor values, int m, int k, int n, "
        "ScalarType "
        "out_dtype, bool d1_col_major, bool d2_col_major, int ld1, int ld2, str kernel) -> int");
    m.def(
        "sddmm(int plan, Tensor d1, Tensor d2, Tensor(a!) values, float alpha, float beta, "
        "bool d1_transposed=False, bool d2_transposed=False) -> ()");
    m.def(
        "sample(int plan, Tensor d1, Tensor d2, Tensor values, bool d1_transposed, bool d2_transposed) -> "
        "Tensor");
    m.def("column_sums(Tensor matrix) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(blackwellsparsek, CPU, m) {
    m.impl("make_sddmm_plan", TORCH_BOX(&make_sddmm_plan));
    m.impl("sddmm", TORCH_BOX(&sddmm));
    m.impl("sample", TORCH_BOX(&sample));
}

STABLE_TORCH_LIBRARY_IMPL(blackwellsparsek, CUDA, m) {
    m.impl("make_sddmm_plan", TORCH_BOX(&make_sddmm_plan));
    m.impl("sddmm", TORCH_BOX(&sddmm));
    m.impl("sample", TORCH_BOX(&sample));
    m.impl("column_sums", TORCH_BOX(&column_sums));
}
