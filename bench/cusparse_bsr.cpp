#include "base/cuda_data_type.h"
#include "bench/cusparse_spmm.h"

namespace bsk::bench {
namespace {

/// Reads the very arrays this library reads.
class CusparseBsr final : public CusparseSpmm {
public:
    [[nodiscard]] std::string name() const override { return "cusparse-bsr"; }

protected:
    [[nodiscard]] void* create_sparse(const CusparseApi& api, const Case& problem) override {
        require_whole_blocks(problem.a_host());
        const BsrView a = problem.a();
        using Create =
            int(void** matrix, std::int64_t block_rows, std::int64_t block_cols, std::int64_t nnzb,
                std::int64_t block_m, std::int64_t block_k, void* crow_indices, void* col_indices,
                void* values, int crow_type, int col_type, int base, cudaDataType_t type, int order);
        void* matrix = nullptr;
        api.check(api.library.function<Create>("cusparseCreateBsr")(
                      &matrix, a.block_rows(), a.block_cols(), a.nnzb, a.block_m, a.block_k,
                      const_cast<void*>(a.crow_indices), const_cast<void*>(a.col_indices),
                      const_cast<void*>(a.values), CusparseApi::kIndex32I, CusparseApi::kIndex32I,
                      CusparseApi::kIndexBaseZero, cuda_data_type(a.dtype), CusparseApi::kOrderRow),
                  "cusparseCreateBsr");
        return matrix;
    }
};

}  // namespace

std::unique_ptr<Implementation> make_cusparse_bsr() {
    return std::make_unique<CusparseBsr>();
}

}  // namespace bsk::bench
