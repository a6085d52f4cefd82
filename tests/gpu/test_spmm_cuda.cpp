// The battery on a CUDA device: by the kernel that the planner chooses, and by every other that computes the
// case.
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <bsk/error.h>

#include "device_problem.h"

namespace bsk::test {
namespace {

// Kernels with suites of their own, which racecheck leaves out: it reports races inside cuBLAS, and accesses of a warp of which
// one lane arrives at a barrier (docs/worklog/small-blocks.md).
constexpr const char* kDense = "dense_cublas";
constexpr const char* kSmall = "spmm_sm90_small";

/// "" (let the planner choose) and the other kernels that run on device 0.
std::vector<std::string> kernels() {
    std::vector<std::string> names{""};
    for (const KernelSupport& support : kernel_support(device_model({DeviceType::cuda, 0}))) {
        if (support.runs && support.kernel != kDense && support.kernel != kSmall) {
            names.push_back(support.kernel);
        }
    }
    return names;
}

/// Nothing where the kernel that was asked for does not compute the case; the planner's own choice always
/// does.
std::optional<Plan> plan_for(const DeviceProblem& problem, const std::string& kernel) {
    try {
        return problem.plan(kernel);
    } catch (const Error& error) {
        if (kernel.empty() || error.code() != ErrorCode::unsupported) {
            throw;
        }
        return std::nullopt;
    }
}

/// One product by `kernel`, where it computes the case, against the oracle.
void expect_oracles_result(DeviceProblem& problem, const std::string& kernel, const TestStream& stream) {
    SCOPED_TRACE(kernel.empty() ? "kernel of the planner's choice" : kernel);
    const std::optional<Plan> plan = plan_for(problem, kernel);
    if (!plan) {
        return;
    }
    if (!kernel.empty()) {
        EXPECT_EQ(plan->kernel(), kernel);
    }
    problem.restore_c();
    problem.launch(*plan, stream.get());
    stream.synchronize();
    EXPECT_TRUE(problem.check(*plan)) << plan->explain();
}

class SpmmCuda : public NeedsCuda<::testing::TestWithParam<Case>> {};

/// By the kernel of the planner's choice, unless that is kSmall, and by every other that computes the case.
void check_every_kernel(DeviceProblem problem) {
    const TestStream stream;
    for (const std::string& kernel : kernels()) {
        if (!kernel.empty() || problem.plan(kernel).kernel() != kSmall) {
            expect_oracles_result(problem, kernel, stream);
        }
    }
}

/// The case with A stored as it multiplies, or transposed.
DeviceProblem on_device(const Case& spec, bool transposed) {
    const Problem problem = make_problem(spec);
    return DeviceProblem(transposed ? with_transposed_storage(problem) : problem);
}

TEST_P(SpmmCuda, MatchesOracle) {
    check_every_kernel(on_device(GetParam(), false));
}

TEST_P(SpmmCuda, MatchesOracleByTheTransposeOfWhatIsStored) {
    check_every_kernel(on_device(GetParam(), true));
}

class DenseCublas : public NeedsCuda<::testing::TestWithParam<Case>> {};

TEST_P(DenseCublas, MatchesOracle) {
    if (GetParam().special_values) {
        GTEST_SKIP() << "zeros of an expanded A times infinities of B are NaN";
    }
    for (const bool transposed : {false, true}) {
        DeviceProblem problem = on_device(GetParam(), transposed);
        expect_oracles_result(problem, kDense, TestStream());
    }
}

class SpmmSm90Small : public NeedsCuda<::testing::TestWithParam<Case>> {};

TEST_P(SpmmSm90Small, MatchesOracle) {
    for (const KernelSupport& support : kernel_support(device_model({DeviceType::cuda, 0}))) {
        if (support.kernel == kSmall && !support.runs) {
            GTEST_SKIP() << "device 0 does not run " << kSmall;
        }
    }
    for (const bool transposed : {false, true}) {
        DeviceProblem problem = on_device(GetParam(), transposed);
        for (const std::string& kernel : {std::string(), std::string(kSmall)}) {
            if (problem.plan(kernel).kernel() == kSmall) {
                expect_oracles_result(problem, kernel, TestStream());
            }
        }
    }
}

std::string case_name(const ::testing::TestParamInfo<Case>& info) {
    return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Battery, SpmmCuda, ::testing::ValuesIn(battery()), case_name);

INSTANTIATE_TEST_SUITE_P(Battery, DenseCublas, ::testing::ValuesIn(battery()), case_name);
INSTANTIATE_TEST_SUITE_P(Battery, SpmmSm90Small, ::testing::ValuesIn(battery_where([](const Case& c) {
                             return c.dtype != DType::f32;
                         })),
                         case_name);

// What scripts/gpu_check.sh runs under compute-sanitizer: every kernel, dtype and layout in small.
INSTANTIATE_TEST_SUITE_P(Sanitize, SpmmCuda,
                         ::testing::ValuesIn(battery_where([](const Case& c) { return c.sanitize; })),
                         case_name);
INSTANTIATE_TEST_SUITE_P(Sanitize, DenseCublas,
                         ::testing::ValuesIn(battery_where([](const Case& c) { return c.sanitize; })),
                         case_name);
INSTANTIATE_TEST_SUITE_P(Sanitize, SpmmSm90Small, ::testing::ValuesIn(battery_where([](const Case& c) {
                             return c.sanitize && c.dtype != DType::f32;
                         })),
                         case_name);

class SpmmCudaTransposedB : public NeedsCuda<::testing::Test> {};

TEST_F(SpmmCudaTransposedB, MatchesOracle) {
    Case spec = battery_case("full_matrix");
    spec.m = 1024;
    spec.k = 2040;
    spec.n = 515;
    spec.block_m = 16;
    spec.block_k = 16;
    spec.b_layout = Layout::col_major;
    spec.b_pad = 3;
    spec.batch = 2;
    DeviceProblem problem(make_problem(spec));
    const std::string reasons = problem.plan("spmm_sm80").explain();
    ASSERT_NE(reasons.find("B is transposed"), std::string::npos) << reasons;
    expect_oracles_result(problem, "spmm_sm80", TestStream());
}

class SpmmCudaOffsets : public NeedsCuda<::testing::Test> {};

TEST_F(SpmmCudaOffsets, PassInt32InTheValues) {
    Case spec = battery_case("full_matrix");
    spec.m = 65536;
    spec.k = 33024;
    spec.n = 8;
    spec.block_m = 256;
    spec.block_k = 256;
    DeviceProblem problem(make_problem(spec));
    ASSERT_GT(problem.problem().a.values.size() / 2, std::size_t{1} << 31);
    const TestStream stream;
    for (const std::string kernel : {"", "spmm_sm80"}) {
        expect_oracles_result(problem, kernel, stream);
    }
}

}  // namespace
}  // namespace bsk::test
