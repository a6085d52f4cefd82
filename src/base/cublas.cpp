#include "base/cublas.h"

#include <cuda_runtime_api.h>

#include "base/check.h"
#include "base/cuda_data_type.h"
#include "base/dynamic_library.h"

namespace bsk {

namespace {

constexpr int kOpN = 0;                   // CUBLAS_OP_N
constexpr int kOpT = 1;                   // CUBLAS_OP_T
constexpr int kCompute32F = 68;           // CUBLAS_COMPUTE_32F
constexpr int kGemmDefaultTensorOp = 99;  // CUBLAS_GEMM_DEFAULT_TENSOR_OP
constexpr int kOldestVersion = 110000;    // the first whose cublasGemmEx takes a cublasComputeType_t

/// The functions used; cublasHandle_t is opaque, cublasStatus_t and the enumerations are int.
struct Api {
    DynamicLibrary library{"cuBLAS", {"libcublas.so.13", "libcublas.so.12", "libcublas.so"}};
    int (*create)(void** handle) = library.function<int(void**)>("cublasCreate_v2");
    int (*destroy)(void* handle) = library.function<int(void*)>("cublasDestroy_v2");
    int (*version)(void* handle, int* version) = library.function<int(void*, int*)>("cublasGetVersion_v2");
    int (*set_stream)(void* handle,
                      cudaStream_t stream) = library.function<int(void*, cudaStream_t)>("cublasSetStream_v2");
    int (*set_workspace)(void* handle, void* workspace, std::size_t bytes) =
        library.function<int(void*, void*, std::size_t)>("cublasSetWorkspace_v2");
    const char* (*status_string)(int status) = library.function<const char*(int)>("cublasGetStatusString");
    using GemmEx = int(void* handle, int transa, int transb, int m, int n, int k, const void* alpha,
                       const void* a, cudaDataType_t a_type, int lda, const void* b, cudaDataType_t b_type,
                       int ldb, const void* beta, void* c, cudaDataType_t c_type, int ldc, int compute_type,
                       int algorithm);
    GemmEx* gemm_ex = library.function<GemmEx>("cublasGemmEx");
    using GemmBatchedEx = int(void* handle, int transa, int transb, int m, int n, int k, const void* alpha,
                              const void* a, cudaDataType_t a_type, int lda, long long stride_a,
                              const void* b, cudaDataType_t b_type, int ldb, long long stride_b,
                              const void* beta, void* c, cudaDataType_t c_type, int ldc, long long stride_c,
                              int batch, int compute_type, int algorithm);
    GemmBatchedEx* gemm_batched_ex = library.function<GemmBatchedEx>("cublasGemmStridedBatchedEx");

    void check(int status, const char* call) const {
        require(status == 0, ErrorCode::cuda_error, "{} failed: {}.", call, status_string(status));
    }
};

/// Loaded by the first who asks; one that failed is tried again by the next.
const Api& api() {
    static const Api loaded;
    return loaded;
}

/// A factor of the column-major product that cuBLAS computes.
struct Factor {
    int operation = kOpN;
    const void* data = nullptr;
    int ld = 0;
    long long stride = 0;
};

}  // namespace

Cublas::Cublas() {
    api().check(api().create(&handle_), "cublasCreate");
    api().check(api().version(handle_, &version_), "cublasGetVersion");
    if (version_ < kOldestVersion) {
        api().destroy(handle_);
        fail(ErrorCode::unsupported, "cuBLAS {} is too old; 11 or newer is needed.", version_);
    }
}

Cublas::~Cublas() {
    api().destroy(handle_);
}

void Cublas::use(Stream stream, void* workspace) {
    api().check(api().set_stream(handle_, static_cast<cudaStream_t>(stream)), "cublasSetStream");
    // After the stream: cublasSetStream puts the default workspace back.
    api().check(api().set_workspace(handle_, workspace, kWorkspaceBytes), "cublasSetWorkspace");
}

void Cublas::multiply(const DenseProduct& p) const {
    constexpr float kBeta = 0.0F;
    require(p.m <= kInt32Max && p.n <= kInt32Max && p.k <= kInt32Max && p.lda <= kInt32Max &&
                p.ldb <= kInt32Max && p.ldc <= kInt32Max,
            ErrorCode::too_large, "cublasGemmEx takes sizes below 2^31.");
    // cuBLAS is column-major. Row-major A is A^T there; C in row-major is computed as C^T = B^T A^T.
    const bool c_transposed = p.c_layout == Layout::row_major;
    const bool b_transposed = p.b_layout == Layout::row_major;
    const Factor a{c_transposed ? kOpN : kOpT, p.a, static_cast<int>(p.lda), 0};
    const Factor b{b_transposed == c_transposed ? kOpN : kOpT, p.b, static_cast<int>(p.ldb), p.stride_b};
    const int m = static_cast<int>(p.m);
    const int n = static_cast<int>(p.n);
    const Factor& left = c_transposed ? b : a;
    const Factor& right = c_transposed ? a : b;
    const cudaDataType_t type = cuda_data_type(p.dtype);
    if (p.batch > 1) {
        api().check(
            api().gemm_batched_ex(handle_, left.operation, right.operation, c_transposed ? n : m,
                                  c_transposed ? m : n, static_cast<int>(p.k), &p.alpha, left.data, type,
                                  left.ld, left.stride, right.data, type, right.ld, right.stride, &kBeta, p.c,
                                  cuda_data_type(p.c_dtype), static_cast<int>(p.ldc), p.stride_c,
                                  static_cast<int>(p.batch), kCompute32F, kGemmDefaultTensorOp),
            "cublasGemmStridedBatchedEx");
        return;
    }
    api().check(api().gemm_ex(handle_, left.operation, right.operation, c_transposed ? n : m,
                              c_transposed ? m : n, static_cast<int>(p.k), &p.alpha, left.data, type, left.ld,
                              right.data, type, right.ld, &kBeta, p.c, cuda_data_type(p.c_dtype),
                              static_cast<int>(p.ldc), kCompute32F, kGemmDefaultTensorOp),
                "cublasGemmEx");
}

std::string why_no_cublas() {
    try {
        (void)api();
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

}  // namespace bsk
