#include "battery/problem.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <span>

#include "base/element.h"

namespace bsk::test {

namespace {

// Streams of generate_dense.
constexpr std::uint64_t kAStream = 0;
constexpr std::uint64_t kBStream = 1;
constexpr std::uint64_t kCStream = 2;

constexpr std::byte kPoison{0xff};

std::int64_t lines(Layout layout, std::int64_t rows, std::int64_t cols) {
    return layout == Layout::row_major ? rows : cols;
}

std::int64_t leading_dimension(Layout layout, std::int64_t rows, std::int64_t cols, std::int64_t pad) {
    return std::max<std::int64_t>(1, layout == Layout::row_major ? cols : rows) + pad;
}

BsrMatrix make_a(const Case& spec) {
    if (spec.pattern != "explicit") {
        GenerateOptions options;
        options.pattern = pattern_from_name(spec.pattern);
        options.m = spec.m;
        options.k = spec.k;
        options.block_m = spec.block_m;
        options.block_k = spec.block_k;
        options.density = spec.density;
        options.dtype = spec.dtype;
        options.seed = spec.seed;
        return generate(options);
    }
    BsrMatrix a;
    a.m = spec.m;
    a.k = spec.k;
    a.block_m = spec.block_m;
    a.block_k = spec.block_k;
    a.dtype = spec.dtype;
    a.crow_indices = spec.crow;
    a.col_indices = spec.cols;
    a.values = generate_dense(a.nnzb() * a.block_m * a.block_k, a.dtype, spec.seed, kAStream);
    return a;
}

std::vector<std::byte> index_bytes(const std::vector<std::int32_t>& indices, bool int64_indices) {
    const std::vector<std::int64_t> wide(indices.begin(), indices.end());
    const auto bytes = int64_indices ? std::as_bytes(std::span(wide)) : std::as_bytes(std::span(indices));
    return {bytes.begin(), bytes.end()};
}

/// Overwrites the elements of `to`, which has the shape and the dtype of `from`.
void copy_elements(const ConstMatrixView& from, const MatrixView& to) {
    const std::int64_t size = size_of(to.dtype);
    for (std::int64_t i = 0; i < to.rows; ++i) {
        for (std::int64_t j = 0; j < to.cols; ++j) {
            std::memcpy(
                static_cast<std::byte*>(to.data) + dense_offset(to.layout, to.ld, i, j) * size,
                static_cast<const std::byte*>(from.data) + dense_offset(from.layout, from.ld, i, j) * size,
                static_cast<std::size_t>(size));
        }
    }
}

void fill_random(const MatrixView& x, std::uint64_t seed, std::uint64_t stream) {
    const std::vector<std::byte> values = generate_dense(x.rows * x.cols, x.dtype, seed, stream);
    copy_elements({values.data(), x.dtype, x.rows, x.cols, Layout::row_major, x.cols, {}}, x);
}

void set_element(const MatrixView& x, std::int64_t i, std::int64_t j, float value) {
    visit_dtype(x.dtype, [&]<class T>(ElementTag<T>) {
        static_cast<T*>(x.data)[dense_offset(x.layout, x.ld, i, j)] = static_cast<T>(value);
    });
}

ConstMatrixView read_only(const MatrixView& x) {
    return {x.data, x.dtype, x.rows, x.cols, x.layout, x.ld, x.device};
}

/// Draws B and C from `seed` and computes what is expected of them.
void set_dense_side(Problem& problem, std::uint64_t seed) {
    const Case& spec = problem.spec;
    const SpmmProblem side = problem.dense_side();
    const std::int64_t b_elements = lines(spec.b_layout, spec.k, spec.n) * side.ldb;
    const std::int64_t c_elements = lines(spec.c_layout, spec.m, spec.n) * side.ldc;
    problem.b.assign(static_cast<std::size_t>(b_elements * size_of(spec.dtype)), kPoison);
    problem.c.assign(static_cast<std::size_t>(c_elements * size_of(spec.c_dtype)) + 2 * kGuardBytes, kPoison);

    const Addresses at = problem.host_addresses();
    const MatrixView b{problem.b.data(), spec.dtype, spec.k, spec.n, spec.b_layout, side.ldb, {}};
    const MatrixView c = problem.c_view(at);
    fill_random(b, seed, kBStream);
    if (spec.special_values) {
        set_element(b, 0, 0, std::numeric_limits<float>::quiet_NaN());
        set_element(b, spec.k / 2, spec.n / 2, -std::numeric_limits<float>::infinity());
        set_element(b, spec.k - 1, spec.n - 1, std::numeric_limits<float>::infinity());
    }
    if (spec.beta != 0.0F) {
        fill_random(c, seed, kCStream);
    }
    problem.expected = oracle(problem.a.view(), read_only(b), read_only(c), spec.alpha, spec.beta);
}

}  // namespace

Addresses Problem::host_addresses() {
    return {crow.data(), cols.data(), a.values.data(), b.data(), c.data(), {}};
}

SpmmProblem Problem::dense_side() const {
    SpmmProblem side;
    side.n = spec.n;
    side.c_dtype = spec.c_dtype;
    side.b_layout = spec.b_layout;
    side.c_layout = spec.c_layout;
    side.ldb = leading_dimension(spec.b_layout, spec.k, spec.n, spec.b_pad);
    side.ldc = leading_dimension(spec.c_layout, spec.m, spec.n, spec.c_pad);
    return side;
}

BsrView Problem::a_view(const Addresses& at) const {
    BsrView view = a.view();
    view.index_type = spec.int64_indices ? IndexType::i64 : IndexType::i32;
    view.crow_indices = at.crow;
    view.col_indices = at.cols;
    view.values = at.values;
    view.device = at.device;
    return view;
}

ConstMatrixView Problem::b_view(const Addresses& at) const {
    return {at.b, spec.dtype, spec.k, spec.n, spec.b_layout, dense_side().ldb, at.device};
}

MatrixView Problem::c_view(const Addresses& at) const {
    std::byte* data = static_cast<std::byte*>(at.c) + kGuardBytes;
    return {data, spec.c_dtype, spec.m, spec.n, spec.c_layout, dense_side().ldc, at.device};
}

::testing::AssertionResult Problem::check(std::vector<std::byte> c_after) const {
    if (c_after.size() != c.size()) {
        return ::testing::AssertionFailure() << "C has " << c_after.size() << " bytes, not " << c.size();
    }
    Addresses after;
    after.c = c_after.data();
    const MatrixView view = c_view(after);
    const Comparison comparison = compare(expected, read_only(view));
    if (!comparison.passed) {
        return ::testing::AssertionFailure() << spec.name << ": " << comparison.message;
    }
    ConstMatrixView before = read_only(view);
    before.data = c.data() + kGuardBytes;
    copy_elements(before, view);
    if (const auto [got, want] = std::ranges::mismatch(c_after, c); got != c_after.end()) {
        return ::testing::AssertionFailure()
               << spec.name << ": byte " << got - c_after.begin() - static_cast<std::ptrdiff_t>(kGuardBytes)
               << " from the start of C is no element and was overwritten";
    }
    return ::testing::AssertionSuccess() << comparison.message;
}

Problem make_problem(const Case& spec) {
    Problem problem;
    problem.spec = spec;
    problem.a = make_a(spec);
    problem.crow = index_bytes(problem.a.crow_indices, spec.int64_indices);
    problem.cols = index_bytes(problem.a.col_indices, spec.int64_indices);
    set_dense_side(problem, spec.seed);
    return problem;
}

Problem with_new_values(const Problem& problem, std::uint64_t seed) {
    Problem changed = problem;
    visit_dtype(changed.a.dtype, [&]<class T>(ElementTag<T>) {
        auto* values = reinterpret_cast<T*>(changed.a.values.data());
        std::transform(values, values + changed.a.values.size() / sizeof(T), values,
                       [](T x) { return static_cast<T>(-2.0F * static_cast<float>(x)); });
    });
    set_dense_side(changed, seed);
    return changed;
}

}  // namespace bsk::test
