// The C ABI: converts plain structs to the C++ views and exceptions to status codes.
#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <utility>

#include <bsk/bsk.h>
#include <bsk/device.h>
#include <bsk/error.h>
#include <bsk/plan.h>
#include <bsk/sddmm.h>
#include <bsk/spmm.h>

#include "base/check.h"

struct bsk_plan {
    bsk::Plan plan;
};

struct bsk_sddmm_plan {
    bsk::SddmmPlan plan;
};

namespace {

using bsk::ErrorCode;
using bsk::require;

thread_local std::string last_error_message;

bsk_status failed(ErrorCode code, const char* message) noexcept {
    try {
        last_error_message = message;
    } catch (const std::bad_alloc&) {
        last_error_message.clear();
    }
    return static_cast<bsk_status>(code);
}

/// Runs `body` and turns what it throws into a status and this thread's message.
template <class Body>
bsk_status guarded(Body&& body) noexcept {
    try {
        body();
        return BSK_OK;
    } catch (const bsk::Error& error) {
        return failed(error.code(), error.what());
    } catch (const std::bad_alloc&) {
        return failed(ErrorCode::out_of_memory, "Host memory ran out.");
    } catch (const std::exception& error) {
        return failed(ErrorCode::internal, error.what());
    } catch (...) {
        return failed(ErrorCode::internal, "Something that is no std::exception was thrown.");
    }
}

template <class T>
T& not_null(T* pointer, const char* argument) {
    require(pointer != nullptr, ErrorCode::invalid_argument, "{} is NULL.", argument);
    return *pointer;
}

/// An enumeration that came as a number, which may be anything.
template <class Enum>
Enum checked(std::int32_t value, Enum last, const char* argument) {
    require(value >= 0 && value <= static_cast<std::int32_t>(last), ErrorCode::invalid_argument,
            "{} is {}; expected 0 to {}, see bsk.h.", argument, value, static_cast<int>(last));
    return static_cast<Enum>(value);
}

bsk::Device device_of(const bsk_device& device, const char* argument) {
    return {checked(device.type, bsk::DeviceType::cuda, argument), device.index};
}

bsk::BsrView view_of(const bsk_bsr& a) {
    bsk::BsrView view;
    view.m = a.m;
    view.k = a.k;
    view.block_m = a.block_m;
    view.block_k = a.block_k;
    view.nnzb = a.nnzb;
    view.index_type = checked(a.index_type, bsk::IndexType::i64, "a.index_type");
    view.crow_indices = a.crow_indices;
    view.col_indices = a.col_indices;
    view.dtype = checked(a.dtype, bsk::DType::f32, "a.dtype");
    view.values = a.values;
    view.device = device_of(a.device, "a.device.type");
    return view;
}

bsk::MatrixView view_of(const bsk_matrix& matrix, const std::string& argument) {
    bsk::MatrixView view;
    view.data = matrix.data;
    view.dtype = checked(matrix.dtype, bsk::DType::f32, (argument + ".dtype").c_str());
    view.rows = matrix.rows;
    view.cols = matrix.cols;
    view.layout = checked(matrix.layout, bsk::Layout::col_major, (argument + ".layout").c_str());
    view.ld = matrix.ld;
    view.device = device_of(matrix.device, (argument + ".device.type").c_str());
    return view;
}

bsk::SpmmProblem problem_of(const bsk_problem& problem) {
    bsk::SpmmProblem result;
    result.n = problem.n;
    result.c_dtype = checked(problem.c_dtype, bsk::DType::f32, "problem.c_dtype");
    result.b_layout = checked(problem.b_layout, bsk::Layout::col_major, "problem.b_layout");
    result.c_layout = checked(problem.c_layout, bsk::Layout::col_major, "problem.c_layout");
    result.ldb = problem.ldb;
    result.ldc = problem.ldc;
    result.batch = problem.batch == 0 ? 1 : problem.batch;
    result.stride_b = problem.stride_b;
    result.stride_c = problem.stride_c;
    result.transpose_a = problem.transpose_a != 0;
    return result;
}

bsk::SddmmProblem problem_of(const bsk_sddmm_problem& problem) {
    bsk::SddmmProblem result;
    result.n = problem.n;
    result.values_dtype = checked(problem.values_dtype, bsk::DType::f32, "problem.values_dtype");
    result.d1_layout = checked(problem.d1_layout, bsk::Layout::col_major, "problem.d1_layout");
    result.d2_layout = checked(problem.d2_layout, bsk::Layout::col_major, "problem.d2_layout");
    result.ld1 = problem.ld1;
    result.ld2 = problem.ld2;
    return result;
}

bsk::ConstMatrixView read_only(const bsk::MatrixView& view) {
    return {view.data, view.dtype, view.rows, view.cols, view.layout, view.ld, view.device};
}

bsk::Epilogue epilogue_of(const bsk_epilogue& epilogue) {
    require(epilogue.struct_size == sizeof(bsk_epilogue), ErrorCode::invalid_argument,
            "epilogue.struct_size is {}; expected sizeof(bsk_epilogue), {} in this library.",
            epilogue.struct_size, sizeof(bsk_epilogue));
    bsk::Epilogue result;
    result.activation = checked(epilogue.activation, bsk::Activation::silu, "epilogue.activation");
    result.bias = epilogue.bias;
    result.bias_axis = checked(epilogue.bias_axis, bsk::BiasAxis::column, "epilogue.bias_axis");
    if (epilogue.residual != nullptr) {
        result.residual = read_only(view_of(*epilogue.residual, "epilogue.residual"));
    }
    return result;
}

bsk::PlanOptions options_of(const bsk_plan_options& options) {
    require(options.struct_size == sizeof(bsk_plan_options), ErrorCode::invalid_argument,
            "options.struct_size is {}; expected sizeof(bsk_plan_options), {} in this library.",
            options.struct_size, sizeof(bsk_plan_options));
    bsk::PlanOptions result;
    result.kernel = options.kernel == nullptr ? "" : options.kernel;
    result.policy = checked(options.policy, bsk::Policy::automatic, "options.policy");
    result.dynamic = options.dynamic != 0;
    return result;
}

/// What bsk_plan_explain writes; AnyPlan is Plan or SddmmPlan.
template <class AnyPlan>
void explain(const AnyPlan& plan, char* buffer, std::size_t capacity, std::size_t* needed) {
    require(buffer != nullptr || capacity == 0, ErrorCode::invalid_argument,
            "buffer is NULL but capacity is {}; pass 0 to ask for the size.", capacity);
    const std::string text = plan.explain();
    if (needed != nullptr) {
        *needed = text.size() + 1;
    }
    if (capacity > 0) {
        const std::size_t length = std::min(capacity - 1, text.size());
        std::memcpy(buffer, text.data(), length);
        buffer[length] = '\0';
    }
}

}  // namespace

bsk_status bsk_plan_create(const bsk_bsr* a, const bsk_problem* problem, bsk_device device,
                           const char* kernel, bsk_plan** plan) {
    const bsk_plan_options options{sizeof(bsk_plan_options), kernel, BSK_POLICY_SPARSE, 0};
    return bsk_plan_create_with(a, problem, device, &options, plan);
}

bsk_status bsk_plan_create_with(const bsk_bsr* a, const bsk_problem* problem, bsk_device device,
                                const bsk_plan_options* options, bsk_plan** plan) {
    return guarded([&] {
        bsk_plan*& result = not_null(plan, "plan");
        const bsk::PlanOptions checked_options = options_of(not_null(options, "options"));
        result =
            new bsk_plan{bsk::make_plan(view_of(not_null(a, "a")), problem_of(not_null(problem, "problem")),
                                        device_of(device, "device.type"), checked_options)};
    });
}

bsk_status bsk_replan(const bsk_plan* plan, const bsk_bsr* a, void* stream) {
    return guarded([&] { bsk::replan(not_null(plan, "plan").plan, view_of(not_null(a, "a")), stream); });
}

void bsk_plan_destroy(bsk_plan* plan) {
    delete plan;
}

bsk_status bsk_plan_explain(const bsk_plan* plan, char* buffer, size_t capacity, size_t* needed) {
    return guarded([&] { explain(not_null(plan, "plan").plan, buffer, capacity, needed); });
}

bsk_status bsk_spmm(const bsk_plan* plan, const bsk_bsr* a, const bsk_matrix* b, const bsk_matrix* c,
                    float alpha, float beta, void* stream) {
    return bsk_spmm_fused(plan, a, b, c, alpha, beta, nullptr, stream);
}

bsk_status bsk_spmm_fused(const bsk_plan* plan, const bsk_bsr* a, const bsk_matrix* b, const bsk_matrix* c,
                          float alpha, float beta, const bsk_epilogue* epilogue, void* stream) {
    return guarded([&] {
        bsk::spmm(not_null(plan, "plan").plan, view_of(not_null(a, "a")),
                  read_only(view_of(not_null(b, "b"), "b")), view_of(not_null(c, "c"), "c"), alpha, beta,
                  stream, epilogue == nullptr ? bsk::Epilogue{} : epilogue_of(*epilogue));
    });
}

bsk_status bsk_sddmm_plan_create(const bsk_bsr* a, const bsk_sddmm_problem* problem, bsk_device device,
                                 const char* kernel, bsk_sddmm_plan** plan) {
    return guarded([&] {
        bsk_sddmm_plan*& result = not_null(plan, "plan");
        result = new bsk_sddmm_plan{
            bsk::make_sddmm_plan(view_of(not_null(a, "a")), problem_of(not_null(problem, "problem")),
                                 device_of(device, "device.type"), kernel == nullptr ? "" : kernel)};
    });
}

void bsk_sddmm_plan_destroy(bsk_sddmm_plan* plan) {
    delete plan;
}

bsk_status bsk_sddmm_plan_explain(const bsk_sddmm_plan* plan, char* buffer, size_t capacity, size_t* needed) {
    return guarded([&] { explain(not_null(plan, "plan").plan, buffer, capacity, needed); });
}

bsk_status bsk_sddmm(const bsk_sddmm_plan* plan, const bsk_matrix* d1, const bsk_matrix* d2, void* values,
                     float alpha, float beta, void* stream) {
    return guarded([&] {
        bsk::sddmm(not_null(plan, "plan").plan, read_only(view_of(not_null(d1, "d1"), "d1")),
                   read_only(view_of(not_null(d2, "d2"), "d2")), values, alpha, beta, stream);
    });
}

const char* bsk_last_error_message(void) {
    return last_error_message.c_str();
}

const char* bsk_status_name(bsk_status status) {
    switch (status) {
        case BSK_OK: return "ok";
        case BSK_INVALID_ARGUMENT: return "invalid_argument";
        case BSK_INVALID_PATTERN: return "invalid_pattern";
        case BSK_DTYPE_MISMATCH: return "dtype_mismatch";
        case BSK_DEVICE_MISMATCH: return "device_mismatch";
        case BSK_MISALIGNED: return "misaligned";
        case BSK_TOO_LARGE: return "too_large";
        case BSK_UNSUPPORTED: return "unsupported";
        case BSK_FILE_ERROR: return "file_error";
        case BSK_CUDA_ERROR: return "cuda_error";
        case BSK_OUT_OF_MEMORY: return "out_of_memory";
        case BSK_INTERNAL: return "internal";
    }
    return "unknown";
}

const char* bsk_version(void) {
    return bsk::version();
}

int32_t bsk_cuda_device_count(void) {
    int32_t count = 0;
    guarded([&] { count = bsk::cuda_device_count(); });
    return count;
}
