#include <algorithm>

#include "base/check.h"
#include "bench/cusparse_peer.h"
#include "format/indices.h"

namespace bsk::bench {
namespace {

/// The arrays of BlockedEllView on the host.
struct BlockedEll {
    std::int64_t width = 0;
    std::vector<std::int32_t> col_indices;
    std::vector<std::byte> values;
};

BlockedEll pad(const BsrMatrix& a) {
    const auto block_rows = static_cast<std::int64_t>(a.crow_indices.size()) - 1;
    BlockedEll ell;
    ell.width = longest_row(a.crow_indices);
    const std::int64_t line = a.block_k * size_of(a.dtype);  // bytes of one row of one block
    ell.col_indices.assign(static_cast<std::size_t>(block_rows * ell.width), -1);
    ell.values.resize(static_cast<std::size_t>(block_rows * a.block_m * ell.width * line));
    for (std::int64_t block_row = 0; block_row < block_rows; ++block_row) {
        const std::int64_t first = a.crow_indices[static_cast<std::size_t>(block_row)];
        const std::int64_t count = a.crow_indices[static_cast<std::size_t>(block_row) + 1] - first;
        std::copy_n(a.col_indices.begin() + first, count, ell.col_indices.begin() + block_row * ell.width);
        for (std::int64_t slot = 0; slot < count; ++slot) {
            for (std::int64_t i = 0; i < a.block_m; ++i) {
                std::copy_n(a.values.begin() + ((first + slot) * a.block_m + i) * line, line,
                            ell.values.begin() + ((block_row * a.block_m + i) * ell.width + slot) * line);
            }
        }
    }
    return ell;
}

class CusparseBell final : public CusparsePeer {
public:
    [[nodiscard]] std::string name() const override { return "cusparse-bell"; }

protected:
    void describe_a(const Case& problem, CusparseProduct& product) override {
        const BsrMatrix& a = problem.a_host();
        require(a.block_m == a.block_k, ErrorCode::unsupported,
                "Blocked-ELL knows square blocks only, and these are {} x {}.", a.block_m, a.block_k);
        const BlockedEll ell = pad(a);
        col_indices_ = DeviceBuffer(ell.col_indices.data(), ell.col_indices.size() * sizeof(std::int32_t));
        values_ = DeviceBuffer(ell.values.data(), ell.values.size());
        product.describe_blocked_ell(
            {a.m, a.k, a.block_m, ell.width, a.dtype, col_indices_.as<std::int32_t>(), values_.as<void>()});
    }

private:
    DeviceBuffer col_indices_;
    DeviceBuffer values_;
};

}  // namespace

std::unique_ptr<Implementation> make_cusparse_bell() {
    return std::make_unique<CusparseBell>();
}

}  // namespace bsk::bench
