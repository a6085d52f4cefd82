#include "bench/csr_arrays.h"
#include "bench/cuda_data_type.h"
#include "bench/cusparse_spmm.h"

namespace bsk::bench {
namespace {

class CusparseCsr final : public CusparseSpmm {
public:
    [[nodiscard]] std::string name() const override { return "cusparse-csr"; }

protected:
    [[nodiscard]] void* create_sparse(const CusparseApi& api, const Case& problem) override {
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

    /// The documentation advises ALG2 for row-major and ALG1 for column-major dense matrices.
    [[nodiscard]] int algorithm(const Case& problem) const override {
        return problem.b().layout == Layout::row_major ? CusparseApi::kSpmmCsr2 : CusparseApi::kSpmmCsr1;
    }
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
