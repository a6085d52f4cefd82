// cuBLAS on A expanded to dense, and on a random A of the same size: cublasGemmEx with fp32 accumulation.
// Prototypes and enumerators follow "cuBLAS, Using the cuBLAS API" of the CUDA 13 documentation
// (cublas_api.h).
#include <optional>
#include <vector>

#include <cuda_runtime_api.h>

#include "base/check.h"
#include "base/cuda.h"
#include "bench/cuda_data_type.h"
#include "bench/dynamic_library.h"
#include "bench/implementation.h"

namespace bsk::bench {
namespace {

constexpr int kOpN = 0;                   // CUBLAS_OP_N
constexpr int kOpT = 1;                   // CUBLAS_OP_T
constexpr int kCompute32F = 68;           // CUBLAS_COMPUTE_32F
constexpr int kGemmDefaultTensorOp = 99;  // CUBLAS_GEMM_DEFAULT_TENSOR_OP
constexpr int kOldestVersion = 110000;    // the first whose cublasGemmEx takes a cublasComputeType_t
constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;  // what NVIDIA advises for Hopper

/// generate_dense() stream of the random A, other than B's.
constexpr std::uint64_t kStreamOfDenseA = 0xA;

/// The functions used; cublasHandle_t is opaque, cublasStatus_t and the enumerations are int.
struct CublasApi {
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

    void check(int status, const char* call) const {
        require(status == 0, ErrorCode::unsupported, "{} failed: {}.", call, status_string(status));
    }
};

/// A factor of the column-major product that cuBLAS computes.
struct Factor {
    int operation = kOpN;
    const void* data = nullptr;
    int ld = 0;
};

/// m x k times k x n; where A comes from is up to the derived class.
class Cublas : public Implementation {
public:
    ~Cublas() override {
        if (handle_ != nullptr) {
            api_->destroy(handle_);
        }
    }

    void prepare(const Case& problem) final {
        const BsrMatrix& a = problem.a_host();
        b_ = problem.b();
        c_ = problem.c();
        require(a.m <= kInt32Max && a.k <= kInt32Max && b_.cols <= kInt32Max, ErrorCode::too_large,
                "cublasGemmEx takes sizes below 2^31.");
        api_.emplace();
        api_->check(api_->create(&handle_), "cublasCreate");
        api_->check(api_->version(handle_, &version_), "cublasGetVersion");
        require(version_ >= kOldestVersion, ErrorCode::unsupported,
                "cuBLAS {} is too old; 11 or newer is needed.", version_);

        const std::vector<std::byte> dense = dense_a(problem);
        a_ = DeviceBuffer(dense.data(), dense.size());
        a_rows_ = static_cast<int>(a.m);
        a_cols_ = static_cast<int>(a.k);
        workspace_ = DeviceBuffer(kWorkspaceBytes);
        use_stream(nullptr);
    }

    /// cuBLAS is column-major. Row-major A is A^T there; C in row-major is computed as C^T = B^T A^T.
    void launch(Stream stream) final {
        if (stream != stream_) {
            use_stream(stream);
        }
        const bool c_transposed = c_.layout == Layout::row_major;
        const bool b_transposed = b_.layout == Layout::row_major;
        const Factor a{c_transposed ? kOpN : kOpT, a_.as<void>(), a_cols_};
        const Factor b{b_transposed == c_transposed ? kOpN : kOpT, b_.data, static_cast<int>(b_.ld)};
        const int n = static_cast<int>(b_.cols);
        const Factor& left = c_transposed ? b : a;
        const Factor& right = c_transposed ? a : b;
        const float alpha = 1;
        const float beta = 0;
        const cudaDataType_t type = cuda_data_type(b_.dtype);
        api_->check(api_->gemm_ex(handle_, left.operation, right.operation, c_transposed ? n : a_rows_,
                                  c_transposed ? a_rows_ : n, a_cols_, &alpha, left.data, type, left.ld,
                                  right.data, type, right.ld, &beta, c_.data, cuda_data_type(c_.dtype),
                                  static_cast<int>(c_.ld), kCompute32F, kGemmDefaultTensorOp),
                    "cublasGemmEx");
    }

    [[nodiscard]] std::string kernel() const final { return "cublasGemmEx"; }
    [[nodiscard]] std::string configuration() const final {
        return fmt::format("{}, fp32 compute, default tensor-op algorithm, {} MiB workspace, cuBLAS {}",
                           origin_of_a(), kWorkspaceBytes >> 20, version_);
    }

protected:
    /// A on the host, [m, k] row-major.
    [[nodiscard]] virtual std::vector<std::byte> dense_a(const Case& problem) const = 0;
    [[nodiscard]] virtual std::string origin_of_a() const = 0;

private:
    /// cublasSetStream puts the default workspace back, so the workspace is set after it.
    void use_stream(Stream stream) {
        api_->check(api_->set_stream(handle_, static_cast<cudaStream_t>(stream)), "cublasSetStream");
        api_->check(api_->set_workspace(handle_, workspace_.as<void>(), workspace_.bytes()),
                    "cublasSetWorkspace");
        stream_ = stream;
    }

    std::optional<CublasApi> api_;
    void* handle_ = nullptr;
    int version_ = 0;
    Stream stream_ = nullptr;
    DeviceBuffer a_;  ///< [m, k] row-major
    DeviceBuffer workspace_;
    int a_rows_ = 0;
    int a_cols_ = 0;
    ConstMatrixView b_;
    MatrixView c_;
};

class CublasExpanded final : public Cublas {
public:
    [[nodiscard]] std::string name() const override { return "cublas"; }

protected:
    [[nodiscard]] std::vector<std::byte> dense_a(const Case& problem) const override {
        const BsrMatrix& a = problem.a_host();
        std::vector<std::byte> dense(static_cast<std::size_t>(a.m * a.k * size_of(a.dtype)));
        bsr_to_dense(a.view(), {dense.data(), a.dtype, a.m, a.k, Layout::row_major, a.k, Device{}});
        return dense;
    }
    [[nodiscard]] std::string origin_of_a() const override { return "A expanded to dense"; }
};

class CublasDense final : public Cublas {
public:
    [[nodiscard]] std::string name() const override { return kDenseReference; }
    [[nodiscard]] bool computes_the_case() const override { return false; }

protected:
    [[nodiscard]] std::vector<std::byte> dense_a(const Case& problem) const override {
        const GenerateOptions& a = problem.options().a;
        return generate_dense(a.m * a.k, a.dtype, a.seed, kStreamOfDenseA);
    }
    [[nodiscard]] std::string origin_of_a() const override { return "another A, random without zeros"; }
};

}  // namespace

std::unique_ptr<Implementation> make_cublas() {
    return std::make_unique<CublasExpanded>();
}

std::unique_ptr<Implementation> make_cublas_dense() {
    return std::make_unique<CublasDense>();
}

}  // namespace bsk::bench
