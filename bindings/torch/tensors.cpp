#include "tensors.h"

#include <array>
#include <cstddef>

// Weak: a CPU-only LibTorch does not define it, and this file loads there too.
extern "C" __attribute__((weak)) AOTITorchError aoti_torch_get_current_cuda_stream(std::int32_t device_index,
                                                                                   void** ret_stream);

namespace bsk::torch_ops {

namespace {

IndexType index_type_of(const Tensor& indices, const char* argument) {
    const ScalarType type = indices.scalar_type();
    require(type == ScalarType::Int || type == ScalarType::Long, ErrorCode::dtype_mismatch,
            "{} is of type {}; expected int32 or int64.", argument, torch::headeronly::toString(type));
    return type == ScalarType::Int ? IndexType::i32 : IndexType::i64;
}

}  // namespace

DType dtype_of(ScalarType type, const char* argument) {
    switch (type) {
        case ScalarType::Half: return DType::f16;
        case ScalarType::BFloat16: return DType::bf16;
        case ScalarType::Float: return DType::f32;
        default: break;
    }
    fail(ErrorCode::dtype_mismatch, "{} is of type {}; expected float16, bfloat16 or float32.", argument,
         torch::headeronly::toString(type));
}

Device device_of(const Tensor& tensor) {
    return tensor.is_cuda() ? Device{DeviceType::cuda, tensor.get_device_index()} : Device{};
}

Tensor new_tensor(const Tensor& like, std::span<const std::int64_t> sizes) {
    std::array<std::int64_t, 3> strides{};
    require(sizes.size() <= strides.size(), ErrorCode::internal, "A new tensor has {} dimensions.",
            sizes.size());
    std::int64_t stride = 1;
    for (std::size_t i = sizes.size(); i-- > 0;) {
        strides[i] = stride;
        stride *= sizes[i];
    }
    // Not torch::stable::new_empty: it looks the operator up by name, a microsecond each time.
    std::int32_t dtype = 0;
    std::int32_t device_type = 0;
    AtenTensorHandle handle = nullptr;
    TORCH_ERROR_CODE_CHECK(aoti_torch_get_dtype(like.get(), &dtype));
    TORCH_ERROR_CODE_CHECK(aoti_torch_get_device_type(like.get(), &device_type));
    TORCH_ERROR_CODE_CHECK(aoti_torch_empty_strided(static_cast<std::int64_t>(sizes.size()), sizes.data(),
                                                    strides.data(), dtype, device_type,
                                                    like.get_device_index(), &handle));
    return Tensor(handle);
}

void require_vector(const Tensor& tensor, std::int64_t length, const char* argument) {
    require(tensor.dim() == 1 && tensor.size(0) == length && tensor.is_contiguous(),
            ErrorCode::invalid_argument,
            "{} holds {} elements in {} dimensions; expected {} contiguous elements in one.", argument,
            tensor.numel(), tensor.dim(), length);
}

void require_values(const Tensor& values, const BsrView& a) {
    require(values.dim() == 3 && values.size(0) == a.nnzb && values.size(1) == a.block_m &&
                values.size(2) == a.block_k && values.is_contiguous(),
            ErrorCode::invalid_argument,
            "values is not the contiguous [{}, {}, {}] tensor that the plan expects.", a.nnzb, a.block_m,
            a.block_k);
}

Stream current_stream(Device device) {
    if (device.type == DeviceType::cpu) {
        return nullptr;
    }
    require(aoti_torch_get_current_cuda_stream != nullptr, ErrorCode::unsupported,
            "This PyTorch has no CUDA streams; install a CUDA build of PyTorch.");
    void* stream = nullptr;
    TORCH_ERROR_CODE_CHECK(aoti_torch_get_current_cuda_stream(device.index, &stream));
    return stream;
}

void set_indices(BsrView& a, const Tensor& crow_indices, const Tensor& col_indices) {
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

BsrView pattern_of(const Tensor& crow_indices, const Tensor& col_indices, const Tensor& values,
                   std::int64_t m, std::int64_t k) {
    require(values.dim() == 3, ErrorCode::invalid_argument,
            "values has {} dimensions; expected [nnzb, block_m, block_k].", values.dim());
    BsrView a;
    a.m = m;
    a.k = k;
    a.nnzb = values.size(0);
    a.block_m = static_cast<int>(values.size(1));
    a.block_k = static_cast<int>(values.size(2));
    a.dtype = dtype_of(values.scalar_type(), "values");
    set_indices(a, crow_indices, col_indices);
    return a;
}

}  // namespace bsk::torch_ops
