#include "bench/cusparse_peer.h"

namespace bsk::bench {

void CusparsePeer::prepare(const Case& problem) {
    product_.emplace();
    describe_a(problem, *product_);
    product_->prepare(problem.b(), problem.c());
}

}  // namespace bsk::bench
