// Random matrices and dense operands.
#include <algorithm>
#include <vector>

#include "base/check.h"
#include "base/element.h"
#include "format/matrix.h"
#include "format/pattern.h"
#include "format/random.h"

namespace bsk {
namespace {

// Streams of a generated matrix; callers of generate_dense count theirs from 0.
constexpr std::uint64_t kPatternStream = ~std::uint64_t{0};
constexpr std::uint64_t kValueStream = kPatternStream - 1;

void fill_random(std::vector<std::byte>& bytes, DType dtype, CounterRandom stream) {
    const auto count = static_cast<std::int64_t>(bytes.size()) / size_of(dtype);
    visit_dtype(dtype, [&]<class T>(ElementTag<T>) {
        auto* values = reinterpret_cast<T*>(bytes.data());
#pragma omp parallel for
        for (std::int64_t i = 0; i < count; ++i) {
            values[i] = static_cast<T>(irwin_hall(stream.at(static_cast<std::uint64_t>(i))));
        }
    });
}

/// Zeros what the last block row and block column hold beyond the m x k matrix.
void clear_padding(BsrMatrix& a) {
    const std::int64_t row_bytes = a.block_k * size_of(a.dtype);
    for (std::size_t i = 0; i + 1 < a.crow_indices.size(); ++i) {
        const std::int64_t rows =
            std::min<std::int64_t>(a.block_m, a.m - static_cast<std::int64_t>(i) * a.block_m);
        for (std::int64_t p = a.crow_indices[i]; p < a.crow_indices[i + 1]; ++p) {
            const std::int64_t j = a.col_indices[static_cast<std::size_t>(p)];
            const std::int64_t cols = std::min<std::int64_t>(a.block_k, a.k - j * a.block_k);
            std::byte* block = a.values.data() + p * a.block_m * row_bytes;
            for (std::int64_t r = 0; r < a.block_m; ++r) {
                const std::int64_t kept = r < rows ? cols * size_of(a.dtype) : 0;
                std::fill(block + r * row_bytes + kept, block + (r + 1) * row_bytes, std::byte{0});
            }
        }
    }
}

}  // namespace

BsrMatrix generate(const GenerateOptions& options) {
    BsrMatrix a = make_matrix(options.m, options.k, options.block_m, options.block_k, options.dtype);
    require(options.density >= 0 && options.density <= 1, ErrorCode::invalid_argument,
            "density is {}; it must be in [0, 1]", options.density);
    fill_pattern(a, options.pattern, options.density, Random(random_stream(options.seed, kPatternStream)));
    allocate_values(a);
    fill_random(a.values, a.dtype, random_stream(options.seed, kValueStream));
    clear_padding(a);
    return a;
}

std::vector<std::byte> generate_dense(std::int64_t count, DType dtype, std::uint64_t seed,
                                      std::uint64_t stream_id) {
    require(count >= 0, ErrorCode::invalid_argument, "count is {}; it must not be negative", count);
    std::vector<std::byte> bytes = zero_bytes(count * size_of(dtype));
    fill_random(bytes, dtype, random_stream(seed, stream_id));
    return bytes;
}

}  // namespace bsk
