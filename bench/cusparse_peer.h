// cuSPARSE as a peer of the bench: its users differ in how they bring A into the format.
#pragma once

#include <optional>
#include <string>

#include "bench/cusparse_product.h"
#include "bench/implementation.h"

namespace bsk::bench {

class CusparsePeer : public Implementation {
public:
    void prepare(const Case& problem) final;
    void launch(Stream stream) final { product_->launch(stream); }
    [[nodiscard]] std::string kernel() const final { return "cusparseSpMM"; }
    [[nodiscard]] std::string configuration() const final { return product_->configuration(); }

protected:
    /// Uploads A in the format and describes it; it keeps what it uploads.
    /// @throws Error that says why the format cannot hold this A.
    virtual void describe_a(const Case& problem, CusparseProduct& product) = 0;

private:
    std::optional<CusparseProduct> product_;
};

}  // namespace bsk::bench
