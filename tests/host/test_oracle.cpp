// The oracle against a dense product, and proof that the comparison notices wrong results.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/element.h"
#include "battery/battery.h"
#include "battery/problem.h"

namespace bsk::test {
namespace {

TEST(Battery, NamesAreUniqueAndUsable) {
    std::set<std::string> names;
    for (const Case& c : battery()) {
        EXPECT_TRUE(names.insert(c.name).second) << c.name << " twice";
        EXPECT_TRUE(std::ranges::all_of(c.name, [](unsigned char x) { return std::isalnum(x) || x == '_'; }))
            << c.name;
    }
}

TEST(Oracle, AgreesWithADenseProduct) {
    Case spec = battery_case("ragged_block_256x16");
    spec.alpha = -0.5F;
    spec.beta = 1.5F;
    Problem problem = make_problem(spec);
    const Addresses at = problem.host_addresses();
    std::vector<float> a(static_cast<std::size_t>(spec.m * spec.k));
    bsr_to_dense(problem.a.view(), {a.data(), DType::f32, spec.m, spec.k, Layout::row_major, spec.k, {}});
    const auto* b = static_cast<const float*>(problem.b_view(at).data);
    const auto* c = static_cast<const float*>(problem.c_view(at).data);
    for (std::int64_t i = 0; i < spec.m; ++i) {
        for (std::int64_t j = 0; j < spec.n; ++j) {
            double sum = 0;
            for (std::int64_t kk = 0; kk < spec.k; ++kk) {
                sum += static_cast<double>(a[i * spec.k + kk]) * b[kk * spec.n + j];
            }
            const double want = -0.5 * sum + 1.5 * c[i * spec.n + j];
            ASSERT_NEAR(problem.expected[0].values[i * spec.n + j], want, 1e-12 * spec.k) << i << ", " << j;
        }
    }
}

TEST(Oracle, CountsTheProductsOfARow) {
    const Expected expected = make_problem(battery_case("one_full_row")).expected[0];
    EXPECT_EQ(expected.row_length[0], 0);
    EXPECT_EQ(expected.row_length[3 * 64], 512);
    EXPECT_EQ(expected.row_length[4 * 64], 0);
    EXPECT_EQ(frobenius_bound(DType::f32, 510), 512.0 / (1 << 23));
}

/// A result that is right but for what a test does to it.
template <class T>
struct Result {
    explicit Result(const Problem& problem) : expected(problem.expected[0]) {
        for (const double value : expected.values) {
            elements.push_back(static_cast<T>(static_cast<float>(value)));
        }
    }
    T& at(std::int64_t i, std::int64_t j) { return elements[static_cast<std::size_t>(i * expected.n + j)]; }
    [[nodiscard]] Comparison compare(DType dtype) const {
        return test::compare(
            expected, {elements.data(), dtype, expected.m, expected.n, Layout::row_major, expected.n, {}});
    }

    const Expected& expected;
    std::vector<T> elements;
};

class Corruption : public ::testing::TestWithParam<DType> {
protected:
    /// Does `corrupt` to a right result and expects that only then the comparison fails.
    template <class Corrupt>
    void expect_noticed(Corrupt&& corrupt, const std::string& in_message) {
        visit_dtype(GetParam(), [&]<class T>(ElementTag<T>) {
            Result<T> result(problem());
            const Comparison before = result.compare(GetParam());
            EXPECT_TRUE(before.passed) << before.message;
            corrupt(result);
            const Comparison after = result.compare(GetParam());
            EXPECT_FALSE(after.passed);
            EXPECT_NE(after.message.find(in_message), std::string::npos) << after.message;
        });
    }

private:
    static const Problem& problem() {
        static const Problem instance = make_problem(battery_case("full_matrix"));
        return instance;
    }
};

TEST_P(Corruption, OneWrongElement) {
    expect_noticed([](auto& result) { result.at(17, 5) *= std::decay_t<decltype(result.at(0, 0))>(-1.0F); },
                   "(17, 5)");
}

TEST_P(Corruption, OneNan) {
    expect_noticed(
        [](auto& result) {
            using T = std::decay_t<decltype(result.at(0, 0))>;
            result.at(255, 135) = static_cast<T>(std::numeric_limits<float>::quiet_NaN());
        },
        "(255, 135): got nan");
}

TEST_P(Corruption, OneInfinity) {
    expect_noticed(
        [](auto& result) {
            using T = std::decay_t<decltype(result.at(0, 0))>;
            result.at(0, 0) = static_cast<T>(std::numeric_limits<float>::infinity());
        },
        "(0, 0): got inf");
}

TEST_P(Corruption, AMissingRow) {
    expect_noticed(
        [](auto& result) {
            for (std::int64_t j = 0; j < result.expected.n; ++j) {
                result.at(100, j) = std::decay_t<decltype(result.at(0, 0))>(0.0F);
            }
        },
        "worst element (100, ");
}

TEST_P(Corruption, AValueSwappedWithItsNeighbour) {
    expect_noticed([](auto& result) { std::swap(result.at(40, 40), result.at(40, 41)); },
                   "worst element (40, 4");
}

TEST_P(Corruption, RowsShiftedByOne) {
    expect_noticed(
        [](auto& result) {
            std::ranges::rotate(result.elements, result.elements.begin() + result.expected.n);
        },
        "elements out of bounds");
}

TEST_P(Corruption, ASmallErrorEverywhere) {
    const auto factor = static_cast<float>(1 + 4 * frobenius_bound(GetParam(), 320));
    expect_noticed(
        [&](auto& result) {
            for (auto& element : result.elements) {
                element = std::decay_t<decltype(element)>(static_cast<float>(element) * factor);
            }
        },
        "relative Frobenius error");
}

INSTANTIATE_TEST_SUITE_P(, Corruption, ::testing::Values(DType::f16, DType::bf16, DType::f32),
                         [](const auto& info) { return std::string(name(info.param)); });

TEST(Comparison, WantsNanAndInfinityWhereTheyAreExpected) {
    const Problem problem = make_problem(battery_case("special_values_block_32"));
    const std::vector<double>& values = problem.expected[0].values;
    const auto nonfinite = std::ranges::count_if(values, [](double x) { return !std::isfinite(x); });
    ASSERT_GT(nonfinite, 0);
    Result<Eigen::half> result(problem);
    EXPECT_TRUE(result.compare(DType::f16).passed) << result.compare(DType::f16).message;
    const auto first = std::ranges::find_if(values, [](double x) { return std::isinf(x); });
    ASSERT_NE(first, values.end());
    Eigen::half& element = result.elements[static_cast<std::size_t>(first - values.begin())];
    element = -element;
    EXPECT_FALSE(result.compare(DType::f16).passed) << "infinity of the wrong sign";
    element = Eigen::half(1.0F);
    EXPECT_FALSE(result.compare(DType::f16).passed) << "finite instead of infinite";
}

TEST(Problem, NoticesAWriteOutsideTheElements) {
    Case spec = battery_case("pad_3_b_row_major_c_row_major");
    spec.density = 0;
    spec.beta = 1;  // the result is what C held before, so an unwritten C is right
    const Problem problem = make_problem(spec);
    EXPECT_TRUE(problem.check(problem.c));
    const std::size_t row_bytes = static_cast<std::size_t>((spec.n + spec.c_pad) * 2);
    for (const std::size_t at :
         {std::size_t{0}, kGuardBytes - 1, kGuardBytes + row_bytes - 1, problem.c.size() - 1}) {
        std::vector<std::byte> changed = problem.c;
        changed[at] = std::byte{0};
        EXPECT_FALSE(problem.check(changed)) << at;
    }
}

}  // namespace
}  // namespace bsk::test
