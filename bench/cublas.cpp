// cuBLAS on A expanded to dense, and on a random A of the same size: cublasGemmEx with fp32 accumulation.
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "base/cublas.h"
#include "base/cuda.h"
#include "bench/implementation.h"

namespace bsk::bench {
namespace {

/// generate_dense() stream of the random A, other than B's.
constexpr std::uint64_t kStreamOfDenseA = 0xA;

/// m x k times k x n; where A comes from is up to the derived class.
class CublasPeer : public Implementation {
public:
    void prepare(const Case& problem) final {
        const BsrMatrix& a = problem.a_host();
        const ConstMatrixView b = problem.b();
        const MatrixView c = problem.c();
        cublas_.emplace();
        const std::vector<std::byte> dense = dense_a(problem);
        a_ = DeviceBuffer(dense.data(), dense.size());
        product_.m = a.m;
        product_.n = b.cols;
        product_.k = a.k;
        product_.dtype = a.dtype;
        product_.a = a_.as<void>();
        product_.lda = a.k;
        product_.b = b.data;
        product_.b_layout = b.layout;
        product_.ldb = b.ld;
        product_.c_dtype = c.dtype;
        product_.c = c.data;
        product_.c_layout = c.layout;
        product_.ldc = c.ld;
        workspace_ = DeviceBuffer(Cublas::kWorkspaceBytes);
        use_stream(nullptr);
    }

    void launch(Stream stream) final {
        if (stream != stream_) {
            use_stream(stream);
        }
        cublas_->multiply(product_);
    }

    [[nodiscard]] std::string kernel() const final { return "cublasGemmEx"; }
    [[nodiscard]] std::string configuration() const final {
        return fmt::format("{}, fp32 compute, default tensor-op algorithm, {} MiB workspace, cuBLAS {}",
                           origin_of_a(), Cublas::kWorkspaceBytes >> 20, cublas_->version());
    }

protected:
    /// A on the host, [m, k] row-major.
    [[nodiscard]] virtual std::vector<std::byte> dense_a(const Case& problem) const = 0;
    [[nodiscard]] virtual std::string origin_of_a() const = 0;

private:
    void use_stream(Stream stream) {
        cublas_->use(stream, workspace_.as<void>());
        stream_ = stream;
    }

    std::optional<Cublas> cublas_;
    Stream stream_ = nullptr;
    DeviceBuffer a_;  ///< [m, k] row-major
    DeviceBuffer workspace_;
    DenseProduct product_;
};

class CublasExpanded final : public CublasPeer {
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

class CublasDense final : public CublasPeer {
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
