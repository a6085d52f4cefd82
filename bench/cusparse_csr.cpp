#include "base/check.h"
#include "bench/csr_arrays.h"
#include "bench/cusparse_peer.h"

namespace bsk::bench {
namespace {

class CusparseCsr final : public CusparsePeer {
public:
    [[nodiscard]] std::string name() const override { return "cusparse-csr"; }

protected:
    void describe_a(const Case& problem, CusparseProduct& product) override {
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
        product.describe_csr(a.m, a.k, static_cast<std::int64_t>(csr.col_indices.size()), a.dtype,
                             crow_indices_.as<void>(), col_indices_.as<void>(), values_.as<void>());
    }

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
