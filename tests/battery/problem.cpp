#include "battery/problem.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <span>
#include <utility>

#include "base/element.h"

namespace bsk::test {

namespace {

// Streams of generate_dense.
constexpr std::uint64_t kAStream = 0;
constexpr std::uint64_t kBStream = 1;
constexpr std::uint64_t kCStream = 2;
constexpr std::uint64_t kBiasStream = 3;

constexpr std::byte kPoison{0xff};

std::int64_t lines(Layout layout, std::int64_t rows, std::int64_t cols) {
    return layout == Layout::row_major ? rows : cols;
}

std::int64_t leading_dimension(Layout layout, std::int64_t rows, std::int64_t cols, std::int64_t pad) {
    return std::max<std::int64_t>(1, layout == Layout::row_major ? cols : rows) + pad;
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

/// Matrix `index` of a batch.
MatrixView in_batch(MatrixView x, std::int64_t index, std::int64_t stride) {
    x.data = static_cast<std::byte*>(x.data) + index * stride * size_of(x.dtype);
    return x;
}

ConstMatrixView read_only(const MatrixView& x) {
    return {x.data, x.dtype, x.rows, x.cols, x.layout, x.ld, x.device};
}

/// Draws B and C from `seed` and computes what is expected of them.
void set_dense_side(Problem& problem, std::uint64_t seed) {
    const Case& spec = problem.spec;
    const SpmmProblem side = problem.dense_side();
    const std::int64_t b_elements =
        (spec.batch - 1) * side.stride_b + lines(spec.b_layout, spec.k, spec.n) * side.ldb;
    const std::int64_t c_elements =
        (spec.batch - 1) * side.stride_c + lines(spec.c_layout, spec.m, spec.n) * side.ldc;
    problem.b.assign(static_cast<std::size_t>(b_elements * size_of(spec.dtype)), kPoison);
    problem.c.assign(static_cast<std::size_t>(c_elements * size_of(spec.c_dtype)) + 2 * kGuardBytes, kPoison);

    if (spec.residual) {
        problem.residual.assign(problem.c.size() - 2 * kGuardBytes, kPoison);
    }
    if (spec.bias) {
        const std::int64_t length = spec.bias_axis == BiasAxis::row ? spec.m : spec.n;
        problem.bias = generate_dense(length, spec.c_dtype, seed, kBiasStream);
    }

    problem.expected.clear();
    const Addresses at = problem.host_addresses();
    MatrixView all_r = problem.c_view(at);
    if (spec.residual) {
        all_r.data = problem.residual.data();
    }
    const MatrixView all_b{problem.b.data(), spec.dtype, spec.k, spec.n, spec.b_layout, side.ldb, {}};
    for (std::int64_t i = 0; i < spec.batch; ++i) {
        const MatrixView b = in_batch(all_b, i, side.stride_b);
        const MatrixView r = in_batch(all_r, i, side.stride_c);
        fill_random(b, seed + i, kBStream);
        if (spec.special_values) {
            set_element(b, 0, 0, std::numeric_limits<float>::quiet_NaN());
            set_element(b, spec.k / 2, spec.n / 2, -std::numeric_limits<float>::infinity());
            set_element(b, spec.k - 1, spec.n - 1, std::numeric_limits<float>::infinity());
        }
        if (spec.beta != 0.0F) {
            fill_random(r, seed + i, kCStream);
        }
        Epilogue epilogue = problem.epilogue(at);
        epilogue.residual = read_only(r);
        problem.expected.push_back(oracle(problem.a.view(), read_only(b), spec.alpha, spec.beta, epilogue));
    }
}

}  // namespace

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

Addresses Problem::host_addresses() {
    return {crow.data(), cols.data(), a.values.data(), b.data(), c.data(), residual.data(), bias.data(), {}};
}

SpmmProblem Problem::dense_side() const {
    SpmmProblem side;
    side.n = spec.n;
    side.c_dtype = spec.c_dtype;
    side.b_layout = spec.b_layout;
    side.c_layout = spec.c_layout;
    side.ldb = leading_dimension(spec.b_layout, spec.k, spec.n, spec.b_pad);
    side.ldc = leading_dimension(spec.c_layout, spec.m, spec.n, spec.c_pad);
    side.batch = spec.batch;
    side.stride_b = spec.b_stride != 0 ? spec.b_stride : lines(spec.b_layout, spec.k, spec.n) * side.ldb;
    side.stride_c = spec.c_stride != 0 ? spec.c_stride : lines(spec.c_layout, spec.m, spec.n) * side.ldc;
    side.transpose_a = transpose_a;
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

Epilogue Problem::epilogue(const Addresses& at) const {
    Epilogue epilogue;
    epilogue.activation = spec.activation;
    epilogue.bias = spec.bias ? at.bias : nullptr;
    epilogue.bias_axis = spec.bias_axis;
    if (spec.residual) {
        epilogue.residual = read_only(c_view(at));
        epilogue.residual.data = at.residual;
    }
    return epilogue;
}

::testing::AssertionResult Problem::check(std::vector<std::byte> c_after, bool rounds_product) const {
    if (c_after.size() != c.size()) {
        return ::testing::AssertionFailure() << "C has " << c_after.size() << " bytes, not " << c.size();
    }
    Addresses after;
    after.c = c_after.data();
    Problem original = *this;
    const std::int64_t stride = dense_side().stride_c;
    std::string message;
    for (std::int64_t i = 0; i < spec.batch; ++i) {
        const MatrixView view = in_batch(c_view(after), i, stride);
        const Comparison comparison =
            compare(expected[static_cast<std::size_t>(i)], read_only(view), rounds_product);
        if (!comparison.passed) {
            return ::testing::AssertionFailure()
                   << spec.name << ", product " << i << ": " << comparison.message;
        }
        message = comparison.message;
        copy_elements(read_only(in_batch(c_view(original.host_addresses()), i, stride)), view);
    }
    if (const auto [got, want] = std::ranges::mismatch(c_after, c); got != c_after.end()) {
        return ::testing::AssertionFailure()
               << spec.name << ": byte " << got - c_after.begin() - static_cast<std::ptrdiff_t>(kGuardBytes)
               << " from the start of C is no element and was overwritten";
    }
    return ::testing::AssertionSuccess() << message;
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

namespace {

Problem storing(Problem problem, BsrMatrix a, bool transpose_a) {
    problem.crow = index_bytes(a.crow_indices, problem.spec.int64_indices);
    problem.cols = index_bytes(a.col_indices, problem.spec.int64_indices);
    problem.a = std::move(a);
    problem.transpose_a = transpose_a;
    return problem;
}

}  // namespace

Problem with_transposed_storage(const Problem& problem) {
    return storing(problem, transpose(problem.a.view()), true);
}

Problem with_new_values(const Problem& problem, std::uint64_t seed) {
    if (problem.transpose_a) {
        const Problem plain = storing(problem, transpose(problem.a.view()), false);
        return with_transposed_storage(with_new_values(plain, seed));
    }
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
