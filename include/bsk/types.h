// Value types shared by every public header: element types, layouts, devices, dense matrix views.
#pragma once

#include <cstdint>

/// Marks what the shared library exports; everything else in it is hidden.
#define BSK_API __attribute__((visibility("default")))

namespace bsk {

/// Element type of a matrix. Products accumulate in fp32 whatever the element type.
enum class DType : int { f16 = 0, bf16 = 1, f32 = 2 };

/// Type of the index arrays of a sparse matrix as the caller holds them; int32 is used inside.
enum class IndexType : int { i32 = 0, i64 = 1 };

/// Storage order of a dense matrix with leading dimension `ld` (in elements, as in BLAS).
/// row_major: element (i, j) at i*ld + j, ld >= cols. col_major: element (i, j) at j*ld + i, ld >= rows.
/// A linear layer's activations X[n, k] are B (k x n) in col_major; its output Y[n, m] is C in col_major.
enum class Layout : int { row_major = 0, col_major = 1 };

/// What a product may apply to each element of C at the end (spmm.h): relu max(x, 0); gelu_tanh
/// x/2*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x^3))); gelu_erf x/2*(1 + erf(x/sqrt(2))); silu x/(1 + e^-x).
enum class Activation : int { none = 0, relu = 1, gelu_tanh = 2, gelu_erf = 3, silu = 4 };

/// Whether a bias has an element for each row of C or for each column.
enum class BiasAxis : int { row = 0, column = 1 };

enum class DeviceType : int { cpu = 0, cuda = 1 };

/// Where data lives and where a product runs. `index` is the CUDA ordinal, 0 for the CPU.
struct Device {
    DeviceType type = DeviceType::cpu;
    int index = 0;

    friend bool operator==(const Device&, const Device&) = default;
};

/// A `cudaStream_t`, or nullptr for the default stream; ignored on the CPU. Kept opaque so that
/// callers need no CUDA header.
using Stream = void*;

/// Read-only view of a dense matrix of `rows` x `cols` elements; nothing is owned.
struct ConstMatrixView {
    const void* data = nullptr;
    DType dtype = DType::f16;
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    Layout layout = Layout::row_major;
    std::int64_t ld = 0;  ///< in elements
    Device device;
};

/// The same for a matrix that is written.
struct MatrixView {
    void* data = nullptr;
    DType dtype = DType::f16;
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    Layout layout = Layout::row_major;
    std::int64_t ld = 0;  ///< in elements
    Device device;
};

/// Bytes of one element.
constexpr std::int64_t size_of(DType dtype) {
    return dtype == DType::f32 ? 4 : 2;
}
/// Bytes of one index.
constexpr std::int64_t size_of(IndexType type) {
    return type == IndexType::i32 ? 4 : 8;
}

/// "float16", "bfloat16", "float32": the names PyTorch and safetensors users read.
constexpr const char* name(DType dtype) {
    switch (dtype) {
        case DType::f16: return "float16";
        case DType::bf16: return "bfloat16";
        case DType::f32: return "float32";
    }
    return "unknown";
}
constexpr const char* name(Layout layout) {
    return layout == Layout::row_major ? "row_major" : "col_major";
}
constexpr const char* name(Activation activation) {
    switch (activation) {
        case Activation::none: return "none";
        case Activation::relu: return "relu";
        case Activation::gelu_tanh: return "gelu_tanh";
        case Activation::gelu_erf: return "gelu_erf";
        case Activation::silu: return "silu";
    }
    return "unknown";
}

}  // namespace bsk
