#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include <bsk/bsr.h>
#include <bsk/error.h>
#include <bsk/plan.h>

#include "host/plan_support.h"
#include "plan/device_models.h"
#include "plan/kernels.h"
#include "plan/planner.h"
#include "plan/signature.h"

namespace bsk {
namespace {

TEST(Planner, StreamsAWhereColumnsAreFewOnAmpereToo) {
    const BsrMatrix a = square(8192, 64);
    EXPECT_EQ(plan_of(a, problem_of(a, 4), "a100").choice.kernel, KernelId::spmm_skinny);
}

TEST(PatternSignature, TellsPatternsApart) {
    const std::uint64_t signature = pattern_signature({0, 1, 2}, {0, 1});
    EXPECT_EQ(signature, pattern_signature({0, 1, 2}, {0, 1}));
    EXPECT_NE(signature, pattern_signature({0, 1, 2}, {1, 0}));
    EXPECT_NE(signature, pattern_signature({0, 2, 2}, {0, 1}));
    EXPECT_NE(signature, pattern_signature({0, 1, 2, 2}, {0, 1}));
}

TEST(Planner, PredictsMoreTimeForMoreWork) {
    const BsrMatrix a = square(4096, 128);
    double previous = 0;
    for (const std::int64_t n : {512, 2048, 8192}) {
        const double seconds = plan_of(a, problem_of(a, n), "h200").predicted_seconds;
        EXPECT_GT(seconds, previous);
        previous = seconds;
    }
}

TEST(Planner, NeverPredictsPastTheChip) {
    for (const int block : {16, 32, 64, 128, 256}) {
        const BsrMatrix a = square(4096, block);
        const HostPlan plan = plan_of(a, problem_of(a, 4096), "h200");
        const double flops = 2.0 * static_cast<double>(a.nnzb()) * block * block * 4096;
        EXPECT_LT(flops / plan.predicted_seconds, 989e12) << "block " << block;
    }
}

TEST(CheckProblem, RefusesLeadingDimensionsThatAreTooSmallOrTooLarge) {
    const BsrMatrix a = generate({.m = 128, .k = 192, .block_m = 64, .block_k = 64});
    const auto code = [&](std::int64_t ldb) {
        try {
            (void)check_problem(a.view(), {.n = 40, .ldb = ldb});
        } catch (const Error& error) {
            return error.code();
        }
        return ErrorCode::internal;
    };
    EXPECT_EQ(code(39), ErrorCode::invalid_argument);
    EXPECT_EQ(code(-1), ErrorCode::invalid_argument);
    EXPECT_EQ(code(std::int64_t{1} << 60), ErrorCode::too_large);
}

TEST(CheckProblem, FillsInTheTightestLeadingDimensions) {
    const BsrMatrix a = generate({.m = 128, .k = 192, .block_m = 64, .block_k = 64});
    const SpmmProblem rows = check_problem(a.view(), {.n = 40});
    EXPECT_EQ(rows.ldb, 40);
    EXPECT_EQ(rows.ldc, 40);
    const SpmmProblem cols =
        check_problem(a.view(), {.n = 40, .b_layout = Layout::col_major, .c_layout = Layout::col_major});
    EXPECT_EQ(cols.ldb, 192);
    EXPECT_EQ(cols.ldc, 128);
}

TEST(PreviewPlan, OfAnEmptyMatrixHasNoNan) {
    const BsrMatrix a = generate({.m = 0, .k = 0, .block_m = 64, .block_k = 64});
    for (const char* device : {"cpu", "h200"}) {
        const PlanOptions options{.kernel = "", .policy = Policy::automatic};
        const std::string text =
            preview_plan(a.view(), problem_of(a, 0), device_model_by_name(device), options).explanation;
        EXPECT_EQ(text.find("nan"), std::string::npos) << text;
    }
}

TEST(TransposedPlan, CopiesTheValuesForKernelsThatDoNotReadThemSo) {
    const BsrMatrix a = square(2048, 32);
    const HostPlan plan = plan_of(transpose(a.view()), transposed_problem_of(a, 4096), "a100");
    EXPECT_EQ(plan.choice.kernel, KernelId::spmm_sm80);
    EXPECT_TRUE(plan.transposes_values);
    EXPECT_EQ(plan.packed_bytes, static_cast<std::int64_t>(a.values.size()));
    EXPECT_TRUE(reasons_mention(plan, "blocks are transposed to a copy in"));
    EXPECT_GT(plan.predicted_seconds, plan_of(a, problem_of(a, 4096), "a100").predicted_seconds);
}

TEST(TransposedPlan, IsNotDynamic) {
    const BsrMatrix a = square(512, 64);
    PlanOptions options;
    options.dynamic = true;
    EXPECT_THROW((void)plan_of(a, transposed_problem_of(a, 64), "cpu", options), Error);
}

}  // namespace
}  // namespace bsk
