#include "bench/oracle.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "base/check.h"
#include "base/element.h"
#include "base/lines.h"

namespace bsk::bench {
namespace {

constexpr std::int64_t kSampledBlockRows = 16;
constexpr std::int64_t kSampledRowsOfABlockRow = 64;
constexpr std::int64_t kSampledColumns = 64;

/// `count` distinct numbers below `bound`, ascending; all of them where there are fewer.
std::vector<std::int64_t> draw(std::int64_t bound, std::int64_t count, std::mt19937_64& random) {
    std::vector<std::int64_t> all(static_cast<std::size_t>(bound));
    for (std::int64_t i = 0; i < bound; ++i) {
        all[static_cast<std::size_t>(i)] = i;
    }
    std::vector<std::int64_t> drawn;
    std::ranges::sample(all, std::back_inserter(drawn), count, random);
    return drawn;
}

/// B's columns `cols` in double precision: [k, cols.size()] row-major.
std::vector<double> gather_columns(const ConstMatrixView& b, const std::vector<std::int64_t>& cols) {
    std::vector<double> gathered;
    gathered.reserve(static_cast<std::size_t>(b.rows) * cols.size());
    visit_dtype(b.dtype, [&](auto tag) {
        const auto* data = static_cast<const typename decltype(tag)::type*>(b.data);
        for (std::int64_t i = 0; i < b.rows; ++i) {
            for (const std::int64_t j : cols) {
                gathered.push_back(
                    static_cast<double>(static_cast<float>(data[dense_offset(b.layout, b.ld, i, j)])));
            }
        }
    });
    return gathered;
}

/// Adds A(row, :) * b to `sums`; b is [k, width] row-major.
template <class T>
void add_row(const BsrMatrix& a, std::int64_t row, const std::vector<double>& b, std::size_t width,
             double* sums) {
    const auto* values = reinterpret_cast<const T*>(a.values.data());
    const auto block_row = static_cast<std::size_t>(row / a.block_m);
    for (std::int64_t block = a.crow_indices[block_row]; block < a.crow_indices[block_row + 1]; ++block) {
        const std::int64_t first = std::int64_t{a.col_indices[static_cast<std::size_t>(block)]} * a.block_k;
        const std::int64_t count = std::min<std::int64_t>(a.block_k, a.k - first);
        const T* element = values + (block * a.block_m + row % a.block_m) * a.block_k;
        for (std::int64_t kk = 0; kk < count; ++kk) {
            const auto factor = static_cast<double>(static_cast<float>(element[kk]));
            const double* b_row = b.data() + static_cast<std::size_t>(first + kk) * width;
            for (std::size_t j = 0; j < width; ++j) {
                sums[j] += factor * b_row[j];
            }
        }
    }
}

}  // namespace

double rounding_tolerance(DType c_dtype) {
    switch (c_dtype) {
        case DType::f16: return 5e-4;
        case DType::bf16: return 4e-3;
        case DType::f32: break;
    }
    return 1e-4;
}

Oracle::Oracle(const BsrMatrix& a, const ConstMatrixView& b, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    for (const std::int64_t block_row : draw(ceil_div(a.m, a.block_m), kSampledBlockRows, random)) {
        const std::int64_t first = block_row * a.block_m;
        const std::int64_t height = std::min<std::int64_t>(a.block_m, a.m - first);
        for (const std::int64_t row : draw(height, kSampledRowsOfABlockRow, random)) {
            rows_.push_back(first + row);
        }
    }
    cols_ = draw(b.cols, kSampledColumns, random);
    const std::vector<double> gathered = gather_columns(b, cols_);
    expected_.assign(rows_.size() * cols_.size(), 0.0);
    visit_dtype(a.dtype, [&](auto tag) {
        for (std::size_t i = 0; i < rows_.size(); ++i) {
            add_row<typename decltype(tag)::type>(a, rows_[i], gathered, cols_.size(),
                                                  expected_.data() + i * cols_.size());
        }
    });
}

ErrorFigures Oracle::compare(const ConstMatrixView& c, double tolerance) const {
    ErrorFigures figures;
    figures.tolerance = tolerance;
    double error_squares = 0;
    double squares = 0;
    bool finite = true;
    visit_dtype(c.dtype, [&](auto tag) {
        const auto* data = static_cast<const typename decltype(tag)::type*>(c.data);
        const auto at = [&](std::int64_t i, std::int64_t j) {
            return static_cast<float>(data[dense_offset(c.layout, c.ld, i, j)]);
        };
        for (std::size_t i = 0; i < rows_.size(); ++i) {
            for (std::size_t j = 0; j < cols_.size(); ++j) {
                const double expected = expected_[i * cols_.size() + j];
                const double error = std::abs(static_cast<double>(at(rows_[i], cols_[j])) - expected);
                error_squares += error * error;
                squares += expected * expected;
                figures.max_abs = std::max(figures.max_abs, error);
            }
        }
        const auto [lines, length] = lines_of(c.layout, c.rows, c.cols);
        for (std::int64_t line = 0; line < lines && finite; ++line) {
            const auto* begin = data + line * c.ld;
            finite = std::all_of(begin, begin + length,
                                 [](auto element) { return std::isfinite(static_cast<float>(element)); });
        }
    });
    figures.rel_frobenius = error_squares == 0 ? 0 : std::sqrt(error_squares / squares);
    figures.correct = finite && figures.rel_frobenius <= figures.tolerance;
    return figures;
}

}  // namespace bsk::bench
