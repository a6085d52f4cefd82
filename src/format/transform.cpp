// BSR to BSR: transposition and blocks of another size. Values only move, so they are handled as bits.
#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"
#include "format/bits.h"
#include "format/indices.h"
#include "format/matrix.h"
#include "format/validate.h"

namespace bsk {
namespace {

/// Moves the values of A into blocks of another size. Every old and every new block is cut into tiles of the
/// smaller sides, which divide both because all sides are powers of two.
template <class Bits>
class Reblocker {
public:
    Reblocker(const BsrView& a, BsrMatrix& target)
        : a_(a),
          target_(target),
          pattern_(copy_indices(a)),
          tile_m_(std::min(a.block_m, target.block_m)),
          tile_k_(std::min(a.block_k, target.block_k)) {}

    void run() {
        const std::int64_t block_rows = ceil_div(target_.m, target_.block_m);
        for (std::int64_t i = 0; i < block_rows; ++i) {
            find_blocks(i);
        }
        allocate_values(target_);
#pragma omp parallel for
        for (std::int64_t i = 0; i < block_rows; ++i) {
            copy_values(i);
        }
    }

private:
    /// Calls `visitor(tile, row, j, col)` for every nonzero tile of A in new block row i: its first element,
    /// and where it goes, row `row` and column `col` of the new block in block column j.
    template <class Visitor>
    void visit_tiles(std::int64_t i, Visitor&& visitor) const {
        const std::int64_t last_row = ceil_div(a_.m, tile_m_) * tile_m_;
        for (std::int64_t row = 0; row < target_.block_m; row += tile_m_) {
            const std::int64_t r = i * target_.block_m + row;
            if (r >= last_row) {
                return;
            }
            const auto old_row = static_cast<std::size_t>(r / a_.block_m);
            for (std::int64_t p = pattern_.crow[old_row]; p < pattern_.crow[old_row + 1]; ++p) {
                const std::int64_t first_col =
                    std::int64_t{pattern_.cols[static_cast<std::size_t>(p)]} * a_.block_k;
                const Bits* tiles =
                    static_cast<const Bits*>(a_.values) + (p * a_.block_m + r % a_.block_m) * a_.block_k;
                for (std::int64_t old_col = 0; old_col < a_.block_k; old_col += tile_k_) {
                    const std::int64_t c = first_col + old_col;
                    if (c < a_.k && tile_holds_nonzero(tiles + old_col)) {
                        visitor(tiles + old_col, row, c / target_.block_k, c % target_.block_k);
                    }
                }
            }
        }
    }

    bool tile_holds_nonzero(const Bits* tile) const {
        for (std::int64_t r = 0; r < tile_m_; ++r) {
            if (any_nonzero(tile + r * a_.block_k, tile_k_)) {
                return true;
            }
        }
        return false;
    }

    void find_blocks(std::int64_t i) {
        std::vector<std::int32_t> cols;
        visit_tiles(i, [&](const Bits*, std::int64_t, std::int64_t j, std::int64_t) {
            cols.push_back(static_cast<std::int32_t>(j));
        });
        std::sort(cols.begin(), cols.end());
        cols.erase(std::unique(cols.begin(), cols.end()), cols.end());
        target_.col_indices.insert(target_.col_indices.end(), cols.begin(), cols.end());
        check_block_count(target_.nnzb());
        target_.crow_indices[static_cast<std::size_t>(i + 1)] = static_cast<std::int32_t>(target_.nnzb());
    }

    void copy_values(std::int64_t i) {
        auto* values = reinterpret_cast<Bits*>(target_.values.data());
        const auto begin = target_.col_indices.begin() + target_.crow_indices[static_cast<std::size_t>(i)];
        const auto end = target_.col_indices.begin() + target_.crow_indices[static_cast<std::size_t>(i + 1)];
        visit_tiles(i, [&](const Bits* tile, std::int64_t row, std::int64_t j, std::int64_t col) {
            const std::int64_t block = std::lower_bound(begin, end, j) - target_.col_indices.begin();
            Bits* to = values + (block * target_.block_m + row) * target_.block_k + col;
            for (std::int64_t r = 0; r < tile_m_; ++r) {
                std::copy_n(tile + r * a_.block_k, tile_k_, to + r * target_.block_k);
            }
        });
    }

    const BsrView& a_;
    BsrMatrix& target_;
    Indices pattern_;
    std::int64_t tile_m_;
    std::int64_t tile_k_;
};

}  // namespace

BsrMatrix transpose(const BsrView& a) {
    validate_with_values(a);
    BsrMatrix t = make_matrix(a.k, a.m, a.block_k, a.block_m, a.dtype);
    TransposedIndices pattern = transpose_indices(copy_indices(a), a.block_cols());
    t.crow_indices = std::move(pattern.indices.crow);
    t.col_indices = std::move(pattern.indices.cols);
    allocate_values(t);
    visit_bits(a.dtype, [&]<class Bits>(Bits) {
        const std::int64_t block_size = std::int64_t{a.block_m} * a.block_k;
#pragma omp parallel for
        for (std::int64_t q = 0; q < t.nnzb(); ++q) {
            const Bits* from = static_cast<const Bits*>(a.values) +
                               pattern.sources[static_cast<std::size_t>(q)] * block_size;
            Bits* to = reinterpret_cast<Bits*>(t.values.data()) + q * block_size;
            for (std::int64_t r = 0; r < a.block_m; ++r) {
                for (std::int64_t c = 0; c < a.block_k; ++c) {
                    to[c * a.block_m + r] = from[r * a.block_k + c];
                }
            }
        }
    });
    return t;
}

BsrMatrix reblock(const BsrView& a, int block_m, int block_k) {
    validate_with_values(a);
    BsrMatrix target = make_matrix(a.m, a.k, block_m, block_k, a.dtype);
    visit_bits(a.dtype, [&]<class Bits>(Bits) { Reblocker<Bits>(a, target).run(); });
    return target;
}

}  // namespace bsk
