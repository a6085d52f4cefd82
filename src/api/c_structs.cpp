#include "api/c_structs.h"

#include "base/check.h"

namespace bsk::c_api {

namespace {

/// An enumeration that came as a number, which may be anything.
template <class Enum>
Enum checked(std::int32_t value, Enum last, const char* argument) {
    require(value >= 0 && value <= static_cast<std::int32_t>(last), ErrorCode::invalid_argument,
            "{} is {}; expected 0 to {}, see bsk.h.", argument, value, static_cast<int>(last));
    return static_cast<Enum>(value);
}

}  // namespace

Device device_of(const bsk_device& device, const char* argument) {
    return {checked(device.type, DeviceType::cuda, argument), device.index};
}

BsrView view_of(const bsk_bsr& a) {
    BsrView view;
    view.m = a.m;
    view.k = a.k;
    view.block_m = a.block_m;
    view.block_k = a.block_k;
    view.nnzb = a.nnzb;
    view.index_type = checked(a.index_type, IndexType::i64, "a.index_type");
    view.crow_indices = a.crow_indices;
    view.col_indices = a.col_indices;
    view.dtype = checked(a.dtype, DType::f32, "a.dtype");
    view.values = a.values;
    view.device = device_of(a.device, "a.device.type");
    return view;
}

MatrixView view_of(const bsk_matrix& matrix, const std::string& argument) {
    MatrixView view;
    view.data = matrix.data;
    view.dtype = checked(matrix.dtype, DType::f32, (argument + ".dtype").c_str());
    view.rows = matrix.rows;
    view.cols = matrix.cols;
    view.layout = checked(matrix.layout, Layout::col_major, (argument + ".layout").c_str());
    view.ld = matrix.ld;
    view.device = device_of(matrix.device, (argument + ".device.type").c_str());
    return view;
}

SpmmProblem problem_of(const bsk_problem& problem) {
    SpmmProblem result;
    result.n = problem.n;
    result.c_dtype = checked(problem.c_dtype, DType::f32, "problem.c_dtype");
    result.b_layout = checked(problem.b_layout, Layout::col_major, "problem.b_layout");
    result.c_layout = checked(problem.c_layout, Layout::col_major, "problem.c_layout");
    result.ldb = problem.ldb;
    result.ldc = problem.ldc;
    result.batch = problem.batch == 0 ? 1 : problem.batch;
    result.stride_b = problem.stride_b;
    result.stride_c = problem.stride_c;
    result.transpose_a = problem.transpose_a != 0;
    return result;
}

SddmmProblem problem_of(const bsk_sddmm_problem& problem) {
    SddmmProblem result;
    result.n = problem.n;
    result.values_dtype = checked(problem.values_dtype, DType::f32, "problem.values_dtype");
    result.d1_layout = checked(problem.d1_layout, Layout::col_major, "problem.d1_layout");
    result.d2_layout = checked(problem.d2_layout, Layout::col_major, "problem.d2_layout");
    result.ld1 = problem.ld1;
    result.ld2 = problem.ld2;
    return result;
}

ConstMatrixView read_only(const MatrixView& view) {
    return {view.data, view.dtype, view.rows, view.cols, view.layout, view.ld, view.device};
}

Epilogue epilogue_of(const bsk_epilogue& epilogue) {
    require(epilogue.struct_size == sizeof(bsk_epilogue), ErrorCode::invalid_argument,
            "epilogue.struct_size is {}; expected sizeof(bsk_epilogue), {} in this library.",
            epilogue.struct_size, sizeof(bsk_epilogue));
    Epilogue result;
    result.activation = checked(epilogue.activation, Activation::silu, "epilogue.activation");
    result.bias = epilogue.bias;
    result.bias_axis = checked(epilogue.bias_axis, BiasAxis::column, "epilogue.bias_axis");
    if (epilogue.residual != nullptr) {
        result.residual = read_only(view_of(*epilogue.residual, "epilogue.residual"));
    }
    return result;
}

PlanOptions options_of(const bsk_plan_options& options) {
    require(options.struct_size == sizeof(bsk_plan_options), ErrorCode::invalid_argument,
            "options.struct_size is {}; expected sizeof(bsk_plan_options), {} in this library.",
            options.struct_size, sizeof(bsk_plan_options));
    PlanOptions result;
    result.kernel = options.kernel == nullptr ? "" : options.kernel;
    result.policy = checked(options.policy, Policy::automatic, "options.policy");
    result.dynamic = options.dynamic != 0;
    return result;
}

}  // namespace bsk::c_api
