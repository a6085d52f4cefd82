// PyTorch operators on LibTorch's stable ABI, so that one file serves every torch from 2.10 on and every
// Python. They take the plain tensors of a BSR matrix, never a sparse one, and refer to plans by number.
// Errors leave as bsk::Error, which PyTorch shows as RuntimeError with the library's sentence.
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <bsk/device.h>
#include <bsk/plan.h>
#include <bsk/sddmm.h>
#include <bsk/spmm.h>

#include "base/check.h"

// Weak: a CPU-only LibTorch does not define it, and this file loads there too.
extern "C" __attribute__((weak)) AOTITorchError aoti_torch_get_current_cuda_stream(std::int32_t device_index,
                                                                                   void** ret_stream);

namespace {

using bsk::ErrorCode;
using bsk::fail;
using bsk::require;
using torch::headeronly::ScalarType;
using torch::stable::Tensor;

/// AnyPlan is bsk::Plan or bsk::SddmmPlan.
template <class AnyPlan>
struct Planned {
    AnyPlan plan;
    bsk::BsrView
        pattern;  ///< sizes and dtype only: the plan keeps its own indices, values come with each product
};

/// Plans by the number that Python holds. Never destroyed: at process exit the CUDA runtime may be gone
/// already.
class PlanRegistry {
public:
    static PlanRegistry& instance() {
        static auto* registry = new PlanRegistry;
        return *registry;
    }

    template <class AnyPlan>
    std::int64_t add(Planned<AnyPlan> planned) {
        Entry entry = std::make_shared<const Planned<AnyPlan>>(std::move(planned));
        const std::lock_guard lock(mutex_);
        plans_.emplace(++last_, std::move(entry));
        return last_;
    }

    template <class AnyPlan>
    std::shared_ptr<const Planned<AnyPlan>> find(std::int64_t number) {
        const Entry entry = find_any(number);
        const auto* planned = std::get_if<std::shared_ptr<const Planned<AnyPlan>>>(&entry);
        require(planned != nullptr, ErrorCode::invalid_argument, "plan {} was made for another operator.",
                number);
        return *planned;
    }

    /// Calls `visitor` with the plan of that number.
    template <class Visitor>
    auto visit(std::int64_t number, Visitor&& visitor) {
        return std::visit([&](const auto& planned) { return visitor(planned->plan); }, find_any(number));
    }

    void remove(std::int64_t number) {
        Entry last_owner;  // frees device memory after the lock is released
        const std::lock_guard lock(mutex_);
        if (const auto found = plans_.find(number); found != plans_.end()) {
            last_owner = std::move(found->second);
            plans_.erase(found);
        }
    }

private:
    using Entry = std::variant<std::shared_ptr<const Planned<bsk::Plan>>,
                               std::shared_ptr<const Planned<bsk::SddmmPlan>>>;

    Entry find_any(std::int64_t number) {
        const std::lock_guard lock(mutex_);
        const auto found = plans_.find(number);
        require(found != plans_.end(), ErrorCode::invalid_argument, "plan {} does not exist (any more).",
                number);
        return found->second;
    }

    std::mutex mutex_;
    std::unordered_map<std::int64_t, Entry> plans_;
    std::int64_t last_ = 0;
};

bsk::DType dtype_of(ScalarType type, const char* argument) {
    switch (type) {
        case ScalarType::Half: return bsk::DType::f16;
        case ScalarType::BFloat16: return bsk::DType::bf16;
        case ScalarType::Float: return bsk::DType::f32;
        default: break;
    }
    fail(ErrorCode::dtype_mismatch, "{} is of type {}; expected float16, bfloat16 or float32.", argument,
         torch::headeronly::toString(type));
}

bsk::IndexType index_type_of(const Tensor& indices, const char* argument) {
    const ScalarType type = indices.scalar_type();
    require(type == ScalarType::Int || type == ScalarType::Long, ErrorCode::dtype_mismatch,
            "{} is of type {}; expected int32 or int64.", argument, torch::headeronly::toString(type));
    return type == ScalarType::Int ? bsk::IndexType::i32 : bsk::IndexType::i64;
}

bsk::Device device_of(const Tensor& tensor) {
    return tensor.is_cuda() ? bsk::Device{bsk::DeviceType::cuda, tensor.get_device_index()} : bsk::Device{};
}

bsk::Layout layout_of(bool col_major) {
    return col_major ? bsk::Layout::col_major : bsk::Layout::row_major;
}

void require_vector(const Tensor& tensor, std::int64_t length, const char* argument) {
    require(tensor.dim() == 1 && tensor.size(0) == length && tensor.is_contiguous(),
            ErrorCode::invalid_argument,
            "{} holds {} elements in {} dimensions; expected {} contiguous elements in one.", argument,
            tensor.numel(), tensor.dim(), length);
}

/// What a plan expects of B or of C.
struct Shape {
    std::int64_t rows;
    std::int64_t cols;
    bsk::Layout layout;
    std::int64_t ld;
    std::int64_t batch;
    std::int64_t stride;
};

/// A tensor as the matrix, or the first of the batch, that the plan was made for, or as the transpose of that; View is
/// MatrixView or ConstMatrixView.
template <class View, class Pointer>
View matrix_of(const Tensor& tensor, Pointer data, const Shape& shape, const char* argument,
               bool transposed = false) {
    const bool batched = tensor.dim() == 3;
    require(batched || tensor.dim() == 2, ErrorCode::invalid_argument,
            "{} has {} dimensions; expected a matrix, or a batch of them.", argument, tensor.dim());
    const std::int64_t batch = batched ? tensor.size(0) : 1;
    const int row = (batched ? 1 : 0) + (transposed ? 1 : 0);
    const int col = (batched ? 1 : 0) + (transposed ? 0 : 1);
    const auto [rows, cols, layout, ld, planned_batch, stride] = shape;
    require(batch == planned_batch && tensor.size(row) == rows && tensor.size(col) == cols,
            ErrorCode::invalid_argument, "{} is {} of {} x {}; the plan expects {} of {} x {}.", argument,
            batch, tensor.size(row), tensor.size(col), planned_batch, rows, cols);
    const bool row_major = layout == bsk::Layout::row_major;
    const std::int64_t row_stride = row_major ? ld : 1;
    const std::int64_t col_stride = row_major ? 1 : ld;
    require(
        (rows <= 1 || tensor.stride(row) == row_stride) && (cols <= 1 || tensor.stride(col) == col_stride),
        ErrorCode::invalid_argument, "{} has strides ({}, {}); the plan expects ({}, {}).", argument,
        tensor.stride(row), tensor.stride(col), row_stride, col_stride);
    require(batch == 1 || tensor.stride(0) == stride, ErrorCode::invalid_argument,
            "The matrices of {} are {} elements apart; the plan expects {}.", argument, tensor.stride(0),
            stride);
    return {data, dtype_of(tensor.scalar_type(), argument), rows, cols, layout, ld, device_of(tensor)};
}

bsk::Stream current_stream(bsk::Device device) {
    if (device.type == bsk::DeviceType::cpu) {
        return nullptr;
    }
    require(aoti_torch_get_current_cuda_stream != nullptr, ErrorCode::unsupported,
            "This PyTorch has no CUDA streams; install a CUDA build of PyTorch.");
    void* stream = nullptr;
    TORCH_ERROR_CODE_CHECK(aoti_torch_get_current_cuda_stream(device.index, &stream));
    return stream;
}

/// Points `a`, whose sizes are set, to these index tensors.
void set_indices(bsk::BsrView& a, const Tensor& crow_indices, const Tensor& col_indices) {
    a.index_type = index_type_of(crow_indices, "crow_indices");
    require(index_type_of(col_indices, "col_indices") == a.index_type, ErrorCode::dtype_mismatch,
            "crow_indices and col_indices are of different types; expected both int32 or both int64.");
    a.device = device_of(crow_indices);
    require(device_of(col_indices) == a.device, ErrorCode::device_mismatch,
            "crow_indices and col_indices are on different devices.");
    require_vector(crow_indices, a.block_rows() + 1, "crow_indices");
    require_vector(col_indices, a.nnzb, "col_indices");
    a.crow_indices = crow_indices.const_data_ptr();
    a.col_indices = col_indices.const_data_ptr();
}

/// The pattern of an m x k matrix with the block, dtype and number of blocks of `values` [nnzb, block_m, block_k].
bsk::BsrView pattern_of(const Tensor& crow_indices, const Tensor& col_indices, const Tensor& values,
                        std::int64_t m, std::int64_t k) {
    require(values.dim() == 3, ErrorCode::invalid_argument,
            "values has {} dimensions; expected [nnzb, block_m, block_k].", values.dim());
    bsk::BsrView a;
    a.m = m;
    a.k = k;
    a.nnzb = values.size(0);
    a.block_m = static_cast<int>(values.size(1));
    a.block_k = static_cast<int>(values.size(2));
    a.dtype = dtype_of(values.scalar_type(), "values");
    set_indices(a, crow_indices, col_indices);
    return a;
}

/// What the registry keeps of it: no indices, and the device of the values.
bsk::BsrView sizes_of(bsk::BsrView a, bsk::Device device) {
    a.crow_indices = nullptr;
    a.col_indices = nullptr;
    a.device = device;
    return a;
}

/// Plans for the device, dtype and block of `values` [nnzb, block_m, block_k]; the indices may be on the CPU
/// or there.
std::int64_t make_plan(const Tensor& crow_indices, const Tensor& col_indices, const Tensor& values,
                       std::int64_t m, std::int64_t k, std::int64_t n, ScalarType out_dtype, bool b_col_major,
                       bool out_col_major, std::int64_t ldb, std::int64_t ldc, std::int64_t batch,
                       std::int64_t stride_b, std::int64_t stride_c, const std::string& kernel,
                       bool may_be_dense, bool dynamic, bool transpose_a) {
    const bsk::BsrView a = pattern_of(crow_indices, col_indices, values, m, k);
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
    return PlanRegistry::instance().add(
        Planned<bsk::Plan>{bsk::make_plan(a, problem, device, options), sizes_of(a, device)});
}

/// As make_plan, for the sampled product of D1 [m, n] and D2 [n, k]; `values` says its dtype, out_dtype what it writes.
std::int64_t make_sddmm_plan(const Tensor& crow_indices, const Tensor& col_indices, const Tensor& values,
                             std::int64_t m, std::int64_t k, std::int64_t n, ScalarType out_dtype,
                             bool d1_col_major, bool d2_col_major, std::int64_t ld1, std::int64_t ld2,
                             const std::string& kernel) {
    const bsk::BsrView a = pattern_of(crow_indices, col_indices, values, m, k);
    const bsk::SddmmProblem problem{
        n, dtype_of(out_dtype, "out_dtype"), layout_of(d1_col_major), layout_of(d2_col_major), ld1, ld2};
    const bsk::Device device = device_of(values);
    return PlanRegistry::instance().add(
        Planned<bsk::SddmmPlan>{bsk::make_sddmm_plan(a, problem, device, kernel), sizes_of(a, device)});
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
    return PlanRegistry::instance().visit(plan, [](const auto& any) {
        return std::tuple(any.explain(), std::string(any.kernel()), any.predicted_seconds(),
                          any.memory_bytes());
    });
}

/// `values` is the contiguous tensor that belongs to the pattern.
void require_values(const Tensor& values, const bsk::BsrView& a) {
    require(values.dim() == 3 && values.size(0) == a.nnzb && values.size(1) == a.block_m &&
                values.size(2) == a.block_k && values.is_contiguous(),
            ErrorCode::invalid_argument,
            "values is not the contiguous [{}, {}, {}] tensor that the plan expects.", a.nnzb, a.block_m,
            a.block_k);
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
    bsk::spmm(planned->plan, a, b_view, out_view, static_cast<float>(alpha), static_cast<float>(beta),
              current_stream(planned->plan.device()), epilogue);
}

void spmm(std::int64_t plan, const Tensor& values, const Tensor& b, const Tensor& out, double alpha,
          double beta, bool b_transposed, bool out_transposed) {
    spmm_fused(plan, values, b, out, alpha, beta, std::nullopt, 0, std::nullopt, 0, b_transposed,
               out_transposed);
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

}  // namespace

STABLE_TORCH_LIBRARY(blackwellsparsek, m) {
    m.def(
        "make_plan(Tensor crow_indices, Tensor col_indices, Tensor values, int m, int k, int n, ScalarType "
        "out_dtype, "
        "bool b_col_major, bool out_col_major, int ldb, int ldc, int batch, int stride_b, int stride_c, "
        "str kernel, bool may_be_dense, bool dynamic, bool transpose_a=False) -> int");
    m.def(
        "make_sddmm_plan(Tensor crow_indices, Tensor col_indices, Tensor values, int m, int k, int n, "
        "ScalarType "
        "out_dtype, bool d1_col_major, bool d2_col_major, int ld1, int ld2, str kernel) -> int");
    m.def(
        "sddmm(int plan, Tensor d1, Tensor d2, Tensor(a!) values, float alpha, float beta, "
        "bool d1_transposed=False, bool d2_transposed=False) -> ()");
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
    m.impl("make_sddmm_plan", TORCH_BOX(&make_sddmm_plan));
    m.impl("sddmm", TORCH_BOX(&sddmm));
    m.impl("replan", TORCH_BOX(&replan));
    m.impl("spmm", TORCH_BOX(&spmm));
    m.impl("spmm_fused", TORCH_BOX(&spmm_fused));
}

STABLE_TORCH_LIBRARY_IMPL(blackwellsparsek, CUDA, m) {
    m.impl("make_plan", TORCH_BOX(&make_plan));
    m.impl("make_sddmm_plan", TORCH_BOX(&make_sddmm_plan));
    m.impl("sddmm", TORCH_BOX(&sddmm));
    m.impl("replan", TORCH_BOX(&replan));
    m.impl("spmm", TORCH_BOX(&spmm));
    m.impl("spmm_fused", TORCH_BOX(&spmm_fused));
}
