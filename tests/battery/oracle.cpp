#include "battery/oracle.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <fmt/format.h>

#include "base/element.h"

namespace bsk::test {

namespace {

double element(const ConstMatrixView& x, std::int64_t i, std::int64_t j) {
    return visit_dtype(x.dtype, [&]<class T>(ElementTag<T>) {
        return static_cast<double>(
            static_cast<float>(static_cast<const T*>(x.data)[dense_offset(x.layout, x.ld, i, j)]));
    });
}

std::vector<double> row_major_doubles(const ConstMatrixView& x) {
    std::vector<double> values(static_cast<std::size_t>(x.rows * x.cols));
#pragma omp parallel for
    for (std::int64_t i = 0; i < x.rows; ++i) {
        for (std::int64_t j = 0; j < x.cols; ++j) {
            values[static_cast<std::size_t>(i * x.cols + j)] = element(x, i, j);
        }
    }
    return values;
}

/// What `value` becomes when it is stored, as far as that decides whether it is finite.
double rounded(double value, DType dtype) {
    return visit_dtype(dtype, [&]<class T>(ElementTag<T>) {
        return static_cast<double>(static_cast<float>(static_cast<T>(static_cast<float>(value))));
    });
}

/// The textbook formulas.
double activated(Activation activation, double x) {
    switch (activation) {
        case Activation::none: break;
        case Activation::relu: return std::isnan(x) ? x : std::max(x, 0.0);
        case Activation::gelu_tanh:
            return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
        case Activation::gelu_erf: return 0.5 * x * std::erfc(-x / std::numbers::sqrt2);
        case Activation::silu: return x / (1 + std::exp(-x));
    }
    return x;
}

bool same_nonfinite(double a, double b) {
    return (std::isnan(a) && std::isnan(b)) || a == b;
}

}  // namespace

Expected oracle(const BsrView& a, const ConstMatrixView& b, float alpha, float beta,
                const Epilogue& epilogue) {
    const ConstMatrixView& r = epilogue.residual;
    const std::int64_t n = r.cols;
    Expected result;
    result.m = r.rows;
    result.n = n;
    result.values.assign(static_cast<std::size_t>(r.rows * n), 0.0);
    result.magnitudes = result.values;
    result.products = result.values;
    result.row_length.assign(static_cast<std::size_t>(r.rows), 0);
    result.activation = epilogue.activation;
    const bool row_bias = epilogue.bias_axis == BiasAxis::row;
    const ConstMatrixView bias{epilogue.bias, r.dtype, 1, row_bias ? r.rows : n, Layout::row_major, 0, {}};

    const std::vector<double> b_values = row_major_doubles(b);
    const auto* crow = static_cast<const std::int32_t*>(a.crow_indices);
    const auto* cols = static_cast<const std::int32_t*>(a.col_indices);
    ConstMatrixView stored;  // all blocks below each other
    stored.data = a.values;
    stored.dtype = a.dtype;
    stored.ld = a.block_k;

#pragma omp parallel for schedule(dynamic)
    for (std::int64_t i = 0; i < r.rows; ++i) {
        double* sums = result.values.data() + i * n;
        double* magnitudes = result.magnitudes.data() + i * n;
        const std::int64_t block_row = i / a.block_m;
        for (std::int64_t p = crow[block_row]; p < crow[block_row + 1]; ++p) {
            const std::int64_t first = std::int64_t{cols[p]} * a.block_k;
            const std::int64_t last = std::min(first + a.block_k, b.rows);
            for (std::int64_t kk = first; kk < last; ++kk) {
                const double a_value = element(stored, p * a.block_m + i % a.block_m, kk - first);
                const double* b_row = b_values.data() + kk * n;
                for (std::int64_t j = 0; j < n; ++j) {
                    sums[j] += a_value * b_row[j];
                    magnitudes[j] += std::abs(a_value * b_row[j]);
                }
            }
            result.row_length[static_cast<std::size_t>(i)] += last - first;
        }
        for (std::int64_t j = 0; j < n; ++j) {
            const double scaled = beta == 0.0F ? 0.0 : beta * element(r, i, j);
            const double added = epilogue.bias == nullptr ? 0.0 : element(bias, 0, row_bias ? i : j);
            const double product = alpha * sums[j] + added;
            sums[j] = activated(epilogue.activation, alpha * sums[j] + scaled + added);
            magnitudes[j] = std::abs(alpha) * magnitudes[j] + std::abs(scaled) + std::abs(added);
            result.products[static_cast<std::size_t>(i * n + j)] = std::abs(product);
        }
    }
    return result;
}

double frobenius_bound(DType dtype, std::int64_t longest_row) {
    switch (dtype) {
        case DType::f16: return 5e-4;
        case DType::bf16: return 4e-3;
        case DType::f32: break;
    }
    return std::ldexp(static_cast<double>(longest_row + 2), -23);
}

double element_bound(DType dtype, double expected, double magnitude, std::int64_t row_length) {
    const int precision = dtype == DType::f16 ? 11 : dtype == DType::bf16 ? 8 : 24;
    const double underflow = dtype == DType::f16 ? std::ldexp(1.0, -25) : 0.0;
    return std::ldexp(std::abs(expected), -precision) + underflow +
           std::ldexp(static_cast<double>(row_length + 2) * magnitude, -23);
}

namespace {

double bound_of(const Expected& expected, DType dtype, std::size_t at, std::int64_t length,
                bool rounds_product) {
    const double value = expected.values[at];
    const double bound = element_bound(dtype, value, expected.magnitudes[at], length);
    const double before = rounds_product ? element_bound(dtype, expected.products[at], 0, 0) : 0;
    if (expected.activation == Activation::none || expected.activation == Activation::relu) {
        return bound + before;
    }
    const double evaluation = dtype == DType::f32 ? 0 : 7e-5 * std::abs(value) + 2e-8;
    return 1.13 * (bound + before) + evaluation;
}

}  // namespace

Comparison compare(const Expected& expected, const ConstMatrixView& got, bool rounds_product) {
    Comparison result;
    if (got.rows != expected.m || got.cols != expected.n) {
        result.message =
            fmt::format("got {} x {}, expected {} x {}", got.rows, got.cols, expected.m, expected.n);
        return result;
    }
    double error_squared = 0;
    double norm_squared = 0;
    double worst = -1;  // error / bound; infinite where one is finite and the other is not
    std::int64_t wrong = 0;
    for (std::int64_t i = 0; i < expected.m; ++i) {
        const std::int64_t length = expected.row_length[static_cast<std::size_t>(i)];
        for (std::int64_t j = 0; j < expected.n; ++j) {
            const auto at = static_cast<std::size_t>(i * expected.n + j);
            const double want = expected.values[at];
            const double have = element(got, i, j);
            const double bound = bound_of(expected, got.dtype, at, length, rounds_product);
            double excess = 0;
            if (const double stored = rounded(want, got.dtype); !std::isfinite(stored)) {
                excess = same_nonfinite(have, stored) ? 0 : INFINITY;
            } else if (!std::isfinite(have)) {
                excess = INFINITY;
            } else {
                const double error = std::abs(have - want);
                error_squared += error * error;
                norm_squared += want * want;
                excess = error == 0 ? 0 : error / bound;
            }
            wrong += excess > 1 ? 1 : 0;
            if (excess > worst) {
                worst = excess;
                result.message = fmt::format("worst element ({}, {}): got {:.9g}, expected {:.9g} +- {:.3g}",
                                             i, j, have, want, bound);
            }
        }
    }
    const std::int64_t longest =
        expected.row_length.empty() ? 0 : *std::ranges::max_element(expected.row_length);
    const double bound = frobenius_bound(got.dtype, longest);
    result.relative_error = error_squared == 0 ? 0 : std::sqrt(error_squared / norm_squared);
    result.passed = wrong == 0 && result.relative_error <= bound;
    result.message =
        fmt::format("relative Frobenius error {:.3g} (bound {:.3g}), {} elements out of bounds; {}",
                    result.relative_error, bound, wrong, result.message);
    return result;
}

}  // namespace bsk::test
