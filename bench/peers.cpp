#include <algorithm>

#include <fmt/ranges.h>

#include "base/check.h"
#include "bench/implementation.h"

namespace bsk::bench {
namespace {

struct Peer {
    std::string name;
    std::unique_ptr<Implementation> (*make)();
};

const std::vector<Peer>& peers() {
    static const std::vector<Peer> list{{"cublas", make_cublas},
                                        {kDenseReference, make_cublas_dense},
                                        {"cusparse-csr", make_cusparse_csr},
                                        {"cusparse-bsr", make_cusparse_bsr},
                                        {"cusparse-bell", make_cusparse_bell}};
    return list;
}

}  // namespace

const std::vector<std::string>& peer_names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> result;
        for (const Peer& peer : peers()) {
            result.push_back(peer.name);
        }
        return result;
    }();
    return names;
}

std::unique_ptr<Implementation> make_peer(const std::string& name) {
    const auto found = std::ranges::find(peers(), name, &Peer::name);
    require(found != peers().end(), ErrorCode::invalid_argument,
            "peer \"{}\" is not known; expected one of {}.", name, fmt::join(peer_names(), ", "));
    return found->make();
}

}  // namespace bsk::bench
