// PyTorch operators on LibTorch's stable ABI, so that one file serves every torch from 2.10 on and every
// Python. They take the plain tensors of a BSR matrix, never a sparse one, and refer to plans by number.
// Errors leave as bsk::Error, which PyTorch shows as RuntimeError with the library's sentence.
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <bsk/device.h>
#include <bsk/plan.h>
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

struct PlannedPattern {
    bsk::Plan plan;
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

    std::int64_t add(PlannedPattern planned) {
        auto entry = std::make_shared<const PlannedPattern>(std::move(planned));
        const std::lock_guard lock(mutex_);
        plans_.emplace(++last_, std::move(entry));
        return last_;
    }

    std::shared_ptr<const PlannedPattern> find(std::int64_t number) {
        const std::lock_guard lock(mutex_);
        const auto found = plans_.find(number);
        require(found != plans_.end(), ErrorCode::invalid_argument, "plan {} does not exist (any more).",
                number);
        return found->second;
    }

    void remove(std::int64_t number) {
        std::shared_ptr<const PlannedPattern> last_owner;  // frees device memory after the lock is released
        const std::lock_guard lock(mutex_);
        if (const auto found = plans_.find(number); found != plans_.end()) {
            last_owner = std::move(found->second);
            plans_.erase(found);
        }
    }

private:
    std::mutex mutex_;
    std::unordered_map<std::int64_t, std::shared_ptr<const PlannedPattern>> plans_;
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

/// A tensor as the rows x cols matrix that the plan was made for; View is MatrixView or ConstMatrixView.
template <class View, class Pointer>
View matrix_of(const Tensor& tensor, Pointer data, std::int64_t rows, std::int64_t cols, bsk::Layout layout,
               std::int64_t ld, const char* argument) {
    require(tensor.dim() == 2, ErrorCode::invalid_argument, "{} has {} dimensions; expected a matrix.",
            argument, tensor.dim());
    require(tensor.size(0) == rows && tensor.size(1) == cols, ErrorCode::invalid_argument,
            "{} is {} x {}; the plan expects {} x {}.", argument, tensor.size(0), tensor.size(1), rows, cols);
    const bool row_major = layout == bsk::Layout::row_major;
    const std::int64_t row_stride = row_major ? ld : 1;
    const std::int64_t col_stride = row_major ? 1 : ld;
    require((rows <= 1 || tensor.stride(0) == row_stride) && (cols <= 1 || tensor.stride(1) == col_stride),
            ErrorCode::invalid_argument, "{} has strides ({}, {}); the plan expects ({}, {}).", argument,
            tensor.stride(0), tensor.stride(1), row_stride, col_stride);
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

/// Plans for the device, dtype and block of `values` [nnzb, block_m, block_k]; the indices may be on the CPU
/// or there.
std::int64_t make_plan(const Tensor& crow_indices, const Tensor& col_indices, const Tensor& values,
                       std::int64_t m, std::int64_t k, std::int64_t n, ScalarType out_dtype, bool b_col_major,
                       bool out_col_major, std::int64_t ldb, std::int64_t ldc, const std::string& kernel,
                       bool dynamic) {
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

    const bsk::SpmmProblem problem{
        n, dtype_of(out_dtype, "out_dtype"), layout_of(b_col_major), layout_of(out_col_major), ldb, ldc};
    const bsk::Device device = device_of(values);
    bsk::PlanOptions options;
    options.kernel = kernel;
    options.dynamic = dynamic;
    bsk::Plan plan = bsk::make_plan(a, problem, device, options);
    a.crow_indices = nullptr;
    a.col_indices = nullptr;
    a.device = device;
    return PlanRegistry::instance().add({std::move(plan), a});
}

/// Replaces the pattern of a dynamic plan, on the current stream of its device.
void replan(std::int64_t plan, const Tensor& crow_indices, const Tensor& col_indices) {
    const auto planned = PlanRegistry::instance().find(plan);
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
    const auto planned = PlanRegistry::instance().find(plan);
    return {planned->plan.explain(), planned->plan.kernel(), planned->plan.predicted_seconds(),
            planned->plan.memory_bytes()};
}

/// out = alpha*A*b + beta*out on the current stream of the plan's device.
void spmm(std::int64_t plan, const Tensor& values, const Tensor& b, const Tensor& out, double alpha,
          double beta) {
    const auto planned = PlanRegistry::instance().find(plan);
    bsk::BsrView a = planned->pattern;
    const bsk::SpmmProblem& problem = planned->plan.problem();
    require(values.dim() == 3 && values.size(0) == a.nnzb && values.size(1) == a.block_m &&
                values.size(2) == a.block_k && values.is_contiguous(),
            ErrorCode::invalid_argument,
            "values is not the contiguous [{}, {}, {}] tensor that the plan expects.", a.nnzb, a.block_m,
            a.block_k);
    a.dtype = dtype_of(values.scalar_type(), "values");
    a.device = device_of(values);
    a.values = values.const_data_ptr();
    const auto b_view = matrix_of<bsk::ConstMatrixView>(b, b.const_data_ptr(), a.k, problem.n,
                                                        problem.b_layout, problem.ldb, "b");
    const auto out_view = matrix_of<bsk::MatrixView>(out, out.mutable_data_ptr(), a.m, problem.n,
                                                     problem.c_layout, problem.ldc, "out");
    bsk::spmm(planned->plan, a, b_view, out_view, static_cast<float>(alpha), static_cast<float>(beta),
              current_stream(planned->plan.device()));
}

}  // namespace

STABLE_TORCH_LIBRARY(blackwellsparsek, m) {
    m.def(
        "make_plan(Tensor crow_indices, Tensor col_indices, Tensor values, int m, int k, int n, ScalarType "
        "out_dtype, "
        "bool b_col_major, bool out_col_major, int ldb, int ldc, str kernel, bool dynamic) -> int");
    m.def("replan(int plan, Tensor crow_indices, Tensor col_indices) -> ()");
    m.def("version() -> str");
    m.def("free_plan(int plan) -> ()");
    m.def("describe_plan(int plan) -> (str, str, float, int)");
    m.def("spmm(int plan, Tensor values, Tensor b, Tensor(a!) out, float alpha, float beta) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(blackwellsparsek, CompositeExplicitAutograd, m) {  // no tensor says which device
    m.impl("version", TORCH_BOX(&version));
    m.impl("free_plan", TORCH_BOX(&free_plan));
    m.impl("describe_plan", TORCH_BOX(&describe_plan));
}

STABLE_TORCH_LIBRARY_IMPL(blackwellsparsek, CPU, m) {
    m.impl("make_plan", TORCH_BOX(&make_plan));
    m.impl("replan", TORCH_BOX(&replan));
    m.impl("spmm", TORCH_BOX(&spmm));
}

STABLE_TORCH_LIBRARY_IMPL(blackwellsparsek, CUDA, m) {
    m.impl("make_plan", TORCH_BOX(&make_plan));
    m.impl("replan", TORCH_BOX(&replan));
    m.impl("spmm", TORCH_BOX(&spmm));
}
