// The CPU backend over the battery, through the public API.
#include <omp.h>

#include <gtest/gtest.h>

#include <bsk/device.h>
#include <bsk/spmm.h>

#include "battery/battery.h"
#include "battery/problem.h"

namespace bsk::test {
namespace {

constexpr Device kCpu{};

/// C after the product of `problem`, with its guards.
std::vector<std::byte> run(const Plan& plan, Problem problem) {
    const Problem before = problem;
    const Addresses at = problem.host_addresses();
    spmm(plan, problem.a_view(at), problem.b_view(at), problem.c_view(at), problem.spec.alpha,
         problem.spec.beta, nullptr, problem.epilogue(at));
    EXPECT_TRUE(problem.a.values == before.a.values && problem.crow == before.crow &&
                problem.cols == before.cols);
    EXPECT_TRUE(problem.b == before.b && problem.residual == before.residual && problem.bias == before.bias);
    return problem.c;
}

Plan plan_of(Problem& problem) {
    return make_plan(problem.a_view(problem.host_addresses()), problem.dense_side(), kCpu);
}

class SpmmCpu : public ::testing::TestWithParam<Case> {};

TEST_P(SpmmCpu, MatchesOracle) {
    Problem problem = make_problem(GetParam());
    EXPECT_TRUE(problem.check(run(plan_of(problem), problem)));
}

TEST_P(SpmmCpu, MatchesOracleByTheTransposeOfWhatIsStored) {
    Problem problem = with_transposed_storage(make_problem(GetParam()));
    const Plan plan = plan_of(problem);
    EXPECT_TRUE(problem.check(run(plan, problem)));
    EXPECT_LE(plan.memory_bytes() - 64,
              static_cast<std::int64_t>(problem.a.values.size()) / 20 +
                  static_cast<std::int64_t>(problem.crow.size() + problem.cols.size()));
}

INSTANTIATE_TEST_SUITE_P(Battery, SpmmCpu,
                         ::testing::ValuesIn(battery_where([](const Case& c) { return !c.gpu_only; })),
                         [](const auto& info) { return info.param.name; });

TEST(SpmmCpuPlan, TakesTheCpuKernel) {
    Problem problem = make_problem(battery_case("int64_indices"));
    const Plan plan = plan_of(problem);
    EXPECT_EQ(plan.kernel(), "spmm_cpu");
    EXPECT_EQ(plan.device(), kCpu);
    EXPECT_FALSE(plan.explain().empty());
}

TEST(SpmmCpuPlan, ServesNewValuesOfThePattern) {
    Problem problem = make_problem(battery_case("pattern_power_law"));
    const Plan plan = plan_of(problem);
    EXPECT_TRUE(problem.check(run(plan, problem)));
    const Problem changed = with_new_values(problem, 99);
    EXPECT_TRUE(changed.check(run(plan, changed)));
    EXPECT_FALSE(problem.check(run(plan, changed)));
}

TEST(SpmmCpuPlan, OwnsItsIndices) {
    Problem problem = make_problem(battery_case("pattern_uniform"));
    const Plan plan = plan_of(problem);
    const BsrView a = problem.a_view(problem.host_addresses());
    std::fill(problem.crow.begin(), problem.crow.end(), std::byte{0xff});
    std::fill(problem.cols.begin(), problem.cols.end(), std::byte{0xff});
    const Addresses at = problem.host_addresses();
    spmm(plan, a, problem.b_view(at), problem.c_view(at));
    EXPECT_TRUE(problem.check(problem.c));
}

TEST(SpmmCpuThreads, DoNotChangeTheResult) {
    const int usual = omp_get_max_threads();
    for (const char* name : {"several_tiles", "pattern_power_law", "alpha_beta_ragged_linear"}) {
        Problem problem = make_problem(battery_case(name));
        const Plan plan = plan_of(problem);
        omp_set_num_threads(1);
        const std::vector<std::byte> alone = run(plan, problem);
        for (const int threads : {2, 3, 7}) {
            omp_set_num_threads(threads);
            EXPECT_TRUE(run(plan, problem) == alone) << name << " on " << threads << " threads";
        }
        omp_set_num_threads(usual);
    }
}

}  // namespace
}  // namespace bsk::test
