#include "base/check.h"
#include "base/cuda_data_type.h"
#include "bench/csr_arrays.h"
#include "bench/cusparse_spmm.h"

namespace bsk::bench {
namespace {

class CusparseCsr final : public CusparseSpmm {
public:
    [[nodiscard]] std::string name() const override { return "cusparse-csr"; }

protected:
    [[nodiscard]] void* create_sparse(const CusparseApi& api, const Case& problem) override {
        // ALG1, advised for column-major matrices, took 3.1 to 3.7 s on an H200 for what takes 50 ms in row-major
        // (8192^3, density 0.22): no fair peer.
        require(problem.b().layout == Layout::row_major && problem.c().layout == Layout::row_major,
                ErrorCode::unsupported,
                "cuSPARSE CSR is measured in row-major only: in column-major it is tens of times slower.");
        const BsrMatrix& a = problem.a_host();
        const CsrArrays csr = expand_to_csr(a);
        crow_indices_ = DeviceBuffer(csr.crow_indices.data(), csr.crow_indices.size() * sizeof(std::int32_t));
        col_indices_ = DeviceBuffer(csr.col_indices.data(), csr.col_indices.size() * sizeof(std::int32_t));
        values_ = DeviceBuffer(csr.values.data(), csr.values.size());
        using Create =
            int(void** matrix, std::int64_t rows, std::int64_t cols, std::int64_t nnz, void* crow_indices,
                void* col_indices, void* values, int crow_type, int col_type, int base, cudaDataType_t type);
        void* matrix = nullptr;
        api.check(
            api.library.function<Create>("cusparseCreateCsr")(
                &matrix, a.m, a.k, static_cast<std::int64_t>(csr.col_indices.size()),
                crow_indices_.as<void>(), col_indices_.as<void>(), values_.as<void>(), CusparseApi::kIndex32I,
                CusparseApi::kIndex32I, CusparseApi::kIndexBaseZero, cuda_data_type(a.dtype)),
            "cusparseCreateCsr");
        return matrix;
    }

    /// What the documentation advises for row-major dense matrices.
    [[nodiscard]] int algorithm(const Case&) const override { return CusparseApi::kSpmmCsr2; }
    [[nodiscard]] bool preprocesses() const override { return true; }

private:
    DeviceBuffer crow_indices_;
    DeviceBuffer col_indices_;
    DeviceBuffer values_;
};

}  // namespace

std::unique_ptr<Implementation> make_cusparse_csr() {
    return std::make_unique<CusparseCsr>();
}

}  // namespace bsk::bench
