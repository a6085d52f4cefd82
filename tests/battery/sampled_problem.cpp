#include "battery/sampled_problem.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string>
#include <tuple>

#include "base/element.h"
#include "base/lines.h"
#include "battery/problem.h"

namespace bsk::test {

namespace {

// Streams of generate_dense.
constexpr std::uint64_t kD1Stream = 11;
constexpr std::uint64_t kD2Stream = 12;
constexpr std::uint64_t kValuesStream = 13;

constexpr std::byte kPoison{0xff};

/// `elements` (rows x cols, row-major) in a layout, 0xff between the lines.
std::vector<std::byte> laid_out(const Case& spec, const std::vector<std::byte>& elements, std::int64_t rows,
                                std::int64_t cols, Layout layout, std::int64_t ld) {
    std::vector<std::byte> bytes(
        static_cast<std::size_t>(lines_of(layout, rows, cols).count * ld * size_of(spec.dtype)), kPoison);
    visit_dtype(spec.dtype, [&]<class T>(ElementTag<T>) {
        const T* from = reinterpret_cast<const T*>(elements.data());
        T* to = reinterpret_cast<T*>(bytes.data());
        for (std::int64_t i = 0; i < rows; ++i) {
            for (std::int64_t j = 0; j < cols; ++j) {
                to[dense_offset(layout, ld, i, j)] = from[i * cols + j];
            }
        }
    });
    return bytes;
}

std::vector<float> as_floats(const std::vector<std::byte>& elements, DType dtype) {
    return visit_dtype(dtype, [&]<class T>(ElementTag<T>) {
        const T* values = reinterpret_cast<const T*>(elements.data());
        std::vector<float> floats(elements.size() / sizeof(T));
        std::transform(values, values + floats.size(), floats.begin(),
                       [](T x) { return static_cast<float>(x); });
        return floats;
    });
}

/// In double precision, by plain loops.
Expected sampled_oracle(const SampledProblem& problem, const std::vector<float>& d1,
                        const std::vector<float>& d2, const std::vector<float>& before) {
    const BsrMatrix& a = problem.a;
    const Case& spec = problem.spec;
    Expected expected;
    expected.m = a.nnzb() * a.block_m;
    expected.n = a.block_k;
    expected.values.assign(static_cast<std::size_t>(expected.m * expected.n), 0.0);
    expected.magnitudes = expected.values;
    expected.products = expected.values;
    expected.row_length.assign(static_cast<std::size_t>(expected.m), spec.n);
    for (std::size_t row = 0; row + 1 < a.crow_indices.size(); ++row) {
#pragma omp parallel for
        for (std::int64_t p = a.crow_indices[row]; p < a.crow_indices[row + 1]; ++p) {
            for (std::int64_t r = 0; r < a.block_m; ++r) {
                const std::int64_t i = static_cast<std::int64_t>(row) * a.block_m + r;
                const std::int64_t first =
                    std::int64_t{a.col_indices[static_cast<std::size_t>(p)]} * a.block_k;
                const auto place = static_cast<std::size_t>((p * a.block_m + r) * a.block_k);
                for (std::int64_t t = 0; i < a.m && t < spec.n; ++t) {
                    const double left = d1[static_cast<std::size_t>(i * spec.n + t)];
                    for (std::int64_t c = 0; c < std::min<std::int64_t>(a.block_k, a.k - first); ++c) {
                        const double product = left * d2[static_cast<std::size_t>(t * a.k + first + c)];
                        expected.values[place + static_cast<std::size_t>(c)] += product;
                        expected.magnitudes[place + static_cast<std::size_t>(c)] += std::abs(product);
                    }
                }
                for (std::size_t c = place; c < place + static_cast<std::size_t>(a.block_k); ++c) {
                    const double added = spec.beta == 0.0F ? 0.0 : spec.beta * before[c];
                    expected.values[c] = spec.alpha * expected.values[c] + added;
                    expected.magnitudes[c] = std::abs(spec.alpha) * expected.magnitudes[c] + std::abs(added);
                }
            }
        }
    }
    return expected;
}

}  // namespace

SampledAddresses SampledProblem::host_addresses() {
    return {d1.data(), d2.data(), values.data(), {}};
}

SddmmProblem SampledProblem::dense_side() const {
    SddmmProblem side;
    side.n = spec.n;
    side.values_dtype = spec.c_dtype;
    side.d1_layout = d1_layout;
    side.d2_layout = d2_layout;
    side.ld1 = std::max<std::int64_t>(lines_of(d1_layout, spec.m, spec.n).length, 1) + spec.b_pad;
    side.ld2 = std::max<std::int64_t>(lines_of(d2_layout, spec.n, spec.k).length, 1) + spec.c_pad;
    return side;
}

ConstMatrixView SampledProblem::d1_view(const SampledAddresses& at) const {
    return {at.d1, spec.dtype, spec.m, spec.n, d1_layout, dense_side().ld1, at.device};
}

ConstMatrixView SampledProblem::d2_view(const SampledAddresses& at) const {
    return {at.d2, spec.dtype, spec.n, spec.k, d2_layout, dense_side().ld2, at.device};
}

void SampledProblem::launch(const SddmmPlan& plan, const SampledAddresses& at, Stream stream) const {
    sddmm(plan, d1_view(at), d2_view(at), static_cast<std::byte*>(at.values) + kGuardBytes, spec.alpha,
          spec.beta, stream);
}

::testing::AssertionResult SampledProblem::check(const std::vector<std::byte>& values_after) const {
    if (values_after.size() != values.size()) {
        return ::testing::AssertionFailure()
               << "got " << values_after.size() << " bytes, not " << values.size();
    }
    const auto guards_differ = [&](std::size_t from) {
        return !std::equal(values.begin() + static_cast<std::ptrdiff_t>(from),
                           values.begin() + static_cast<std::ptrdiff_t>(from + kGuardBytes),
                           values_after.begin() + static_cast<std::ptrdiff_t>(from));
    };
    if (guards_differ(0) || guards_differ(values.size() - kGuardBytes)) {
        return ::testing::AssertionFailure() << spec.name << ": bytes around the values were overwritten";
    }
    const ConstMatrixView got{values_after.data() + kGuardBytes,
                              spec.c_dtype,
                              expected.m,
                              expected.n,
                              Layout::row_major,
                              expected.n,
                              {}};
    const Comparison comparison = compare(expected, got);
    if (!comparison.passed) {
        return ::testing::AssertionFailure() << spec.name << ": " << comparison.message;
    }
    return ::testing::AssertionSuccess() << comparison.message;
}

SampledProblem make_sampled_problem(const Case& spec, Layout d1_layout, Layout d2_layout) {
    SampledProblem problem;
    problem.spec = spec;
    problem.a = make_a(spec);
    problem.d1_elements = generate_dense(spec.m * spec.n, spec.dtype, spec.seed, kD1Stream);
    problem.d2_elements = generate_dense(spec.n * spec.k, spec.dtype, spec.seed, kD2Stream);
    const std::int64_t elements = problem.a.nnzb() * spec.block_m * spec.block_k;
    problem.values.assign(static_cast<std::size_t>(elements * size_of(spec.c_dtype)) + 2 * kGuardBytes,
                          kPoison);
    std::vector<float> before(static_cast<std::size_t>(elements));
    if (spec.beta != 0.0F) {
        const std::vector<std::byte> drawn = generate_dense(elements, spec.c_dtype, spec.seed, kValuesStream);
        std::copy(drawn.begin(), drawn.end(), problem.values.begin() + kGuardBytes);
        before = as_floats(drawn, spec.c_dtype);
    }
    problem.expected = sampled_oracle(problem, as_floats(problem.d1_elements, spec.dtype),
                                      as_floats(problem.d2_elements, spec.dtype), before);
    return with_layouts(problem, d1_layout, d2_layout);
}

SampledProblem with_layouts(SampledProblem problem, Layout d1_layout, Layout d2_layout) {
    const Case& spec = problem.spec;
    problem.d1_layout = d1_layout;
    problem.d2_layout = d2_layout;
    const SddmmProblem side = problem.dense_side();
    problem.d1 = laid_out(spec, problem.d1_elements, spec.m, spec.n, d1_layout, side.ld1);
    problem.d2 = laid_out(spec, problem.d2_elements, spec.n, spec.k, d2_layout, side.ld2);
    return problem;
}

std::vector<Case> sampled_battery(bool with_large) {
    using Key = std::tuple<std::array<std::int64_t, 5>, std::string, double, std::vector<std::int32_t>,
                           std::vector<std::int32_t>, DType, DType, std::array<std::int64_t, 2>,
                           std::array<float, 2>>;
    std::set<Key> seen;
    return battery_where([&](const Case& c) {
        return c.batch == 1 && !c.special_values && (with_large || !c.gpu_only) &&
               seen.insert({{c.m, c.n, c.k, c.block_m, c.block_k},
                            c.pattern,
                            c.density,
                            c.crow,
                            c.cols,
                            c.dtype,
                            c.c_dtype,
                            {c.b_pad, c.c_pad},
                            {c.alpha, c.beta}})
                   .second;
    });
}

}  // namespace bsk::test
