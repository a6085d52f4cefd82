#include "bench/cusparse_peer.h"

namespace bsk::bench {
namespace {

/// Reads the very arrays this library reads.
class CusparseBsr final : public CusparsePeer {
public:
    [[nodiscard]] std::string name() const override { return "cusparse-bsr"; }

protected:
    void describe_a(const Case& problem, CusparseProduct& product) override {
        product.describe_bsr(problem.a());
    }
};

}  // namespace

std::unique_ptr<Implementation> make_cusparse_bsr() {
    return std::make_unique<CusparseBsr>();
}

}  // namespace bsk::bench
