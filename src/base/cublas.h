// cuBLAS, loaded at run time: products of a dense A. Prototypes and enumerators follow "cuBLAS, Using the cuBLAS API" of
// the CUDA 13 documentation (cublas_api.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <bsk/types.h>

namespace bsk {

/// C = alpha*A*B on the device, or a batch of such products with one A. A is row-major, of B's dtype; leading
/// dimensions and strides are in elements.
struct DenseProduct {
    std::int64_t m = 0;
    std::int64_t n = 0;
    std::int64_t k = 0;
    std::int64_t batch = 1;
    DType dtype = DType::f16;
    const void* a = nullptr;
    std::int64_t lda = 0;
    const void* b = nullptr;
    Layout b_layout = Layout::row_major;
    std::int64_t ldb = 0;
    std::int64_t stride_b = 0;
    DType c_dtype = DType::f16;
    void* c = nullptr;
    Layout c_layout = Layout::row_major;
    std::int64_t ldc = 0;
    std::int64_t stride_c = 0;
    float alpha = 1.0F;
};

/// A cuBLAS context of the current device. Not for two threads at once.
class Cublas {
public:
    static constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;  ///< what NVIDIA advises for Hopper

    /// @throws Error unsupported where cuBLAS cannot be loaded, is too old or cannot start, in words.
    Cublas();
    ~Cublas();
    Cublas(const Cublas&) = delete;
    Cublas& operator=(const Cublas&) = delete;

    /// Products go to `stream` and use `workspace`, kWorkspaceBytes on the device, which no product on another
    /// stream may use meanwhile. With a workspace of its own a product may be captured into a CUDA graph.
    void use(Stream stream, void* workspace);

    /// Accumulates in fp32 and rounds once.
    void multiply(const DenseProduct& product) const;

    [[nodiscard]] int version() const { return version_; }

private:
    void* handle_ = nullptr;
    int version_ = 0;
};

/// Why cuBLAS cannot be used in this process; empty when it can.
[[nodiscard]] std::string why_no_cublas();

}  // namespace bsk
