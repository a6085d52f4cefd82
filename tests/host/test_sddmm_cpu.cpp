// The sampled product on the CPU over the battery, through the public API.
#include <omp.h>

#include <gtest/gtest.h>

#include <bsk/error.h>
#include <bsk/sddmm.h>

#include "battery/sampled_problem.h"

namespace bsk::test {
namespace {

constexpr Device kCpu{};
constexpr Layout kLayouts[]{Layout::row_major, Layout::col_major};

SddmmPlan plan_of(const SampledProblem& problem) {
    return make_sddmm_plan(problem.a.view(), problem.dense_side(), kCpu);
}

std::vector<std::byte> run(const SddmmPlan& plan, SampledProblem problem) {
    problem.launch(plan, problem.host_addresses(), nullptr);
    return problem.values;
}

class SddmmCpu : public ::testing::TestWithParam<Case> {};

TEST_P(SddmmCpu, MatchesOracle) {
    const SampledProblem drawn = make_sampled_problem(GetParam(), Layout::row_major, Layout::row_major);
    for (const Layout d1 : kLayouts) {
        for (const Layout d2 : kLayouts) {
            const SampledProblem problem = with_layouts(drawn, d1, d2);
            EXPECT_TRUE(problem.check(run(plan_of(problem), problem))) << name(d1) << ", " << name(d2);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Battery, SddmmCpu, ::testing::ValuesIn(sampled_battery(false)),
                         [](const auto& info) { return info.param.name; });

TEST(SddmmCpuThreads, DoNotChangeTheResult) {
    const int usual = omp_get_max_threads();
    const SampledProblem problem =
        make_sampled_problem(battery_case("pattern_power_law"), Layout::col_major, Layout::row_major);
    const SddmmPlan plan = plan_of(problem);
    omp_set_num_threads(1);
    const std::vector<std::byte> alone = run(plan, problem);
    for (const int threads : {2, 3, 7}) {
        omp_set_num_threads(threads);
        EXPECT_TRUE(run(plan, problem) == alone) << threads << " threads";
    }
    omp_set_num_threads(usual);
}

class SddmmErrors : public ::testing::Test {
protected:
    SampledProblem problem_ =
        make_sampled_problem(battery_case("pattern_uniform"), Layout::row_major, Layout::row_major);
    SddmmPlan plan_ = plan_of(problem_);

    /// What sddmm() says of these operands; fails where it computes or touches the values.
    std::string message_of(const ConstMatrixView& d1, const ConstMatrixView& d2, void* values,
                           ErrorCode code) {
        const std::vector<std::byte> before = problem_.values;
        try {
            sddmm(plan_, d1, d2, values);
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), code) << error.what();
            EXPECT_TRUE(problem_.values == before);
            return error.what();
        }
        ADD_FAILURE() << "nothing was thrown";
        return "";
    }
};

TEST_F(SddmmErrors, NameTheArgument) {
    const SampledAddresses at = problem_.host_addresses();
    const ConstMatrixView d1 = problem_.d1_view(at);
    const ConstMatrixView d2 = problem_.d2_view(at);
    void* values = at.values;
    ConstMatrixView wrong = d1;
    wrong.rows -= 1;
    EXPECT_NE(message_of(wrong, d2, values, ErrorCode::invalid_argument).find("D1 is"), std::string::npos);
    wrong = d2;
    wrong.dtype = DType::f32;
    EXPECT_NE(message_of(d1, wrong, values, ErrorCode::dtype_mismatch).find("D2 is float32"),
              std::string::npos);
    wrong = d2;
    wrong.layout = Layout::col_major;
    EXPECT_NE(message_of(d1, wrong, values, ErrorCode::invalid_argument).find("D2 is col_major"),
              std::string::npos);
    EXPECT_NE(message_of(d1, d2, nullptr, ErrorCode::invalid_argument).find("values are null"),
              std::string::npos);
    EXPECT_NE(message_of(d1, d2, problem_.d1.data(), ErrorCode::invalid_argument).find("overlap D1"),
              std::string::npos);
}

TEST_F(SddmmErrors, RefuseAPlan) {
    SddmmProblem side = problem_.dense_side();
    side.values_dtype = DType::bf16;
    EXPECT_THROW((void)make_sddmm_plan(problem_.a.view(), side, kCpu), Error);
    side = problem_.dense_side();
    side.ld1 = 1;
    EXPECT_THROW((void)make_sddmm_plan(problem_.a.view(), side, kCpu), Error);
    EXPECT_THROW((void)make_sddmm_plan(problem_.a.view(), problem_.dense_side(), kCpu, "sddmm_sm90"), Error);
    EXPECT_THROW((void)make_sddmm_plan(problem_.a.view(), problem_.dense_side(), kCpu, "no_such_kernel"),
                 Error);
}

}  // namespace
}  // namespace bsk::test
