#include <cmath>
#include <limits>
#include <string_view>

#include <omp.h>

#include "base/check.h"
#include "format/random.h"
#include "host/format_support.h"

namespace bsk::test {
namespace {

constexpr Pattern kPatterns[] = {Pattern::uniform, Pattern::banded, Pattern::block_diagonal,
                                 Pattern::power_law, Pattern::causal};

/// 64-bit FNV-1a.
std::uint64_t hash(const void* data, std::size_t bytes) {
    std::uint64_t state = 0xcbf29ce484222325U;
    for (const char c : std::string_view(static_cast<const char*>(data), bytes)) {
        state = (state ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    }
    return state;
}

template <class T>
std::uint64_t hash(const std::vector<T>& data) {
    return hash(data.data(), data.size() * sizeof(T));
}

GenerateOptions options_of(Pattern pattern, std::int64_t m, std::int64_t k, double density) {
    GenerateOptions options;
    options.pattern = pattern;
    options.m = m;
    options.k = k;
    options.block_m = 16;
    options.block_k = 16;
    options.density = density;
    options.seed = 42;
    return options;
}

TEST(Random, IsSplitMix64) {
    constexpr CounterRandom random{1234567};  // the outputs published with the reference implementation
    EXPECT_EQ(random.at(0), 6457827717110365317U);
    EXPECT_EQ(random.at(1), 3203168211198807973U);
    EXPECT_EQ(random.at(2), 9817491932198370423U);
}

TEST(Random, IrwinHallEnds) {
    EXPECT_EQ(irwin_hall(0), -irwin_hall(~std::uint64_t{0}));
    EXPECT_NEAR(irwin_hall(0), -std::sqrt(12.0), 1e-3);
    EXPECT_EQ(irwin_hall(0x8000'7fff'8000'7fff), 0.0F);
}

TEST(GenerateDense, HasMeanZeroAndVarianceOne) {
    constexpr std::int64_t kCount = 1 << 20;
    for (const DType dtype : kDTypes) {
        const Dense dense{1, kCount, dtype, generate_dense(kCount, dtype, 3, 0)};
        double sum = 0;
        double squares = 0;
        for (std::int64_t i = 0; i < kCount; ++i) {
            sum += dense.get(0, i);
            squares += std::pow(dense.get(0, i), 2);
        }
        EXPECT_NEAR(sum / kCount, 0, 5e-3);
        EXPECT_NEAR(squares / kCount, 1, 5e-3);
    }
}

TEST(GenerateDense, DependsOnSeedAndStreamOnly) {
    const auto data = generate_dense(1000, DType::f32, 1, 2);
    EXPECT_EQ(data.size(), 4000U);
    EXPECT_TRUE(data == generate_dense(1000, DType::f32, 1, 2));
    EXPECT_FALSE(data == generate_dense(1000, DType::f32, 2, 2));
    EXPECT_FALSE(data == generate_dense(1000, DType::f32, 1, 3));
    const int threads = omp_get_max_threads();
    for (const int count : {1, 2, 7}) {
        omp_set_num_threads(count);
        EXPECT_TRUE(data == generate_dense(1000, DType::f32, 1, 2));
    }
    omp_set_num_threads(threads);
    EXPECT_TRUE(generate_dense(0, DType::f16, 1, 2).empty());
    expect_error(ErrorCode::invalid_argument, "count is -1",
                 [] { (void)generate_dense(-1, DType::f16, 0, 0); });
}

TEST(Generate, EveryPatternIsValidDeterministicAndPaddedWithZeros) {
    for (const Pattern pattern : kPatterns) {
        for (const auto& [m, k] :
             {std::pair{256, 256}, {100, 515}, {515, 100}, {1, 1}, {0, 32}, {32, 0}, {0, 0}}) {
            for (const double density : {0.0, 0.07, 0.5, 0.93, 1.0}) {
                SCOPED_TRACE(fmt::format("{} {} x {} {}", name(pattern), m, k, density));
                const GenerateOptions options = options_of(pattern, m, k, density);
                const BsrMatrix a = generate(options);
                ASSERT_NO_THROW(validate(a.view()));
                expect_equal(generate(options), a);
                // Conversion to dense drops the padding and conversion back zeros it.
                expect_equal(bsr_from_dense(to_dense(a).view(), 16, 16), a);
                if (pattern != Pattern::causal && pattern != Pattern::block_diagonal) {
                    const std::int64_t grid = a.view().block_rows() * a.view().block_cols();
                    EXPECT_EQ(a.nnzb(), std::llround(density * static_cast<double>(grid)));
                }
            }
        }
    }
}

TEST(Generate, SeedsDiffer) {
    GenerateOptions options = options_of(Pattern::uniform, 512, 512, 0.2);
    const BsrMatrix a = generate(options);
    options.seed = 43;
    const BsrMatrix b = generate(options);
    EXPECT_NE(a.col_indices, b.col_indices);
    EXPECT_FALSE(a.values == b.values);
}

TEST(Generate, UniformReachesEveryBlockEquallyOften) {
    GenerateOptions options = options_of(Pattern::uniform, 64, 80, 0.3);  // 6 of 4 x 5 blocks
    std::vector<int> hits(20);
    for (options.seed = 0; options.seed < 2000; ++options.seed) {
        const BsrMatrix a = generate(options);
        ASSERT_EQ(a.nnzb(), 6);
        for (std::size_t i = 0; i < 4; ++i) {
            for (std::int32_t p = a.crow_indices[i]; p < a.crow_indices[i + 1]; ++p) {
                ++hits[i * 5 + static_cast<std::size_t>(a.col_indices[static_cast<std::size_t>(p)])];
            }
        }
    }
    for (const int count : hits) {
        EXPECT_NEAR(count, 600, 100);  // five standard deviations
    }
}

TEST(Generate, CausalStoresTheLowerTriangle) {
    const BsrMatrix square = generate(options_of(Pattern::causal, 48, 48, 0));
    EXPECT_EQ(square.crow_indices, (std::vector<std::int32_t>{0, 1, 3, 6}));
    EXPECT_EQ(square.col_indices, (std::vector<std::int32_t>{0, 0, 1, 0, 1, 2}));
    const BsrMatrix wide = generate(options_of(Pattern::causal, 32, 48, 0));
    EXPECT_EQ(wide.crow_indices, (std::vector<std::int32_t>{0, 2, 5}));
}

TEST(Generate, BlockDiagonalCoversRowsAndColumns) {
    EXPECT_EQ(generate(options_of(Pattern::block_diagonal, 48, 48, 0)).col_indices,
              (std::vector<std::int32_t>{0, 1, 2}));
    EXPECT_EQ(generate(options_of(Pattern::block_diagonal, 64, 32, 0)).col_indices,
              (std::vector<std::int32_t>{0, 0, 1, 1}));
    const BsrMatrix wide = generate(options_of(Pattern::block_diagonal, 32, 80, 0));
    EXPECT_EQ(wide.crow_indices, (std::vector<std::int32_t>{0, 2, 5}));
    EXPECT_EQ(wide.col_indices, (std::vector<std::int32_t>{0, 1, 2, 3, 4}));
}

TEST(Generate, BandedFollowsTheDiagonal) {
    const BsrMatrix a = generate(options_of(Pattern::banded, 512, 512, 3.0 / 32));  // 3 blocks a row
    for (std::int32_t i = 0; i < 32; ++i) {
        const std::int32_t first = std::clamp(i - 1, 0, 29);
        for (std::int32_t b = 0; b < 3; ++b) {
            EXPECT_EQ(a.col_indices[static_cast<std::size_t>(3 * i + b)], first + b);
        }
    }
}

TEST(Generate, PowerLawIsSkewedAndCapped) {
    const BsrMatrix a = generate(options_of(Pattern::power_law, 2048, 2048, 0.1));
    const BsrStatistics s = statistics(a.view());
    EXPECT_EQ(s.max_row_blocks, 128);
    EXPECT_GE(s.imbalance, 8);
    EXPECT_LE(s.min_row_blocks, 4);
    EXPECT_LT(a.crow_indices[1], 128);  // the rows are shuffled: the first is not the longest
}

TEST(Generate, RefusesWrongOptions) {
    const auto refused = [](ErrorCode code, const std::string& fragment, auto&& change) {
        GenerateOptions options = options_of(Pattern::uniform, 64, 64, 0.5);
        change(options);
        expect_error(code, fragment, [&] { (void)generate(options); });
    };
    using O = GenerateOptions;
    refused(ErrorCode::invalid_argument, "density is -0.1", [](O& o) { o.density = -0.1; });
    refused(ErrorCode::invalid_argument, "density is 1.5", [](O& o) { o.density = 1.5; });
    refused(ErrorCode::invalid_argument, "density is nan",
            [](O& o) { o.density = std::numeric_limits<double>::quiet_NaN(); });
    refused(ErrorCode::invalid_argument, "m is -1", [](O& o) { o.m = -1; });
    refused(ErrorCode::invalid_argument, "block_m is 20", [](O& o) { o.block_m = 20; });
    refused(ErrorCode::invalid_argument, "pattern 9", [](O& o) { o.pattern = static_cast<Pattern>(9); });
    for (const Pattern pattern : {Pattern::uniform, Pattern::banded, Pattern::power_law}) {
        refused(ErrorCode::too_large, "stored blocks",
                [&](O& o) { o.pattern = pattern, o.m = 1 << 20, o.k = kInt32Max, o.density = 1; });
    }
}

TEST(Generate, PatternNames) {
    for (const Pattern pattern : kPatterns) {
        EXPECT_EQ(pattern_from_name(name(pattern)), pattern);
    }
    expect_error(ErrorCode::invalid_argument, "uniform, banded, block_diagonal, power_law, causal",
                 [] { (void)pattern_from_name("random"); });
}

// These pin the generator: records name a seed, and the matrix of a seed must never change.
TEST(Generate, KnownAnswers) {
    EXPECT_EQ(hash(generate_dense(1 << 16, DType::f16, 1, 0)), 10411736199941287565U);
    EXPECT_EQ(hash(generate_dense(1 << 16, DType::bf16, 1, 0)), 14232424456329092619U);
    EXPECT_EQ(hash(generate_dense(1 << 16, DType::f32, 1, 0)), 16237402624025690942U);
    const std::uint64_t expected[] = {7351054105178010630U, 7464477816428147124U, 55026004550201211U,
                                      14448264869918826212U, 6644318426739980480U};
    for (const Pattern pattern : kPatterns) {
        const BsrMatrix a = generate(options_of(pattern, 1000, 777, 0.22));
        const std::uint64_t got = hash(a.crow_indices) ^ (3 * hash(a.col_indices)) ^ (5 * hash(a.values));
        EXPECT_EQ(got, expected[static_cast<int>(pattern)]) << name(pattern);
    }
}

}  // namespace
}  // namespace bsk::test
