// Dynamic plans on the CPU, and what the planner makes of them.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <bsk/bsr.h>
#include <bsk/device.h>
#include <bsk/error.h>
#include <bsk/spmm.h>

#include "plan/planner.h"

namespace bsk {
namespace {

constexpr std::int64_t kN = 8;

BsrMatrix matrix(std::uint64_t seed, int block = 16, DType dtype = DType::f32) {
    return generate({.m = 128,
                     .k = 160,
                     .block_m = block,
                     .block_k = block,
                     .density = 0.3,
                     .dtype = dtype,
                     .seed = seed});
}

std::vector<float> product(const Plan& plan, const BsrMatrix& a) {
    const std::vector<std::byte> b = generate_dense(a.k * kN, DType::f32, 7, 1);
    std::vector<float> c(static_cast<std::size_t>(a.m * kN));
    spmm(plan, a.view(), {b.data(), DType::f32, a.k, kN, Layout::row_major, kN, {}},
         {c.data(), DType::f32, a.m, kN, Layout::row_major, kN, {}});
    return c;
}

Plan plan_of(const BsrMatrix& a, bool dynamic) {
    return make_plan(a.view(), {.n = kN, .c_dtype = DType::f32}, {}, {.kernel = "", .dynamic = dynamic});
}

ErrorCode code_of(const Plan& plan, const BsrView& a) {
    try {
        replan(plan, a);
    } catch (const Error& error) {
        return error.code();
    }
    return ErrorCode::internal;
}

TEST(ReplanCpu, GivesWhatAPlanOfTheNewPatternGives) {
    const BsrMatrix first = matrix(1);
    const Plan plan = plan_of(first, true);
    for (const std::uint64_t seed : {2, 3}) {
        const BsrMatrix next = matrix(seed);
        ASSERT_EQ(next.nnzb(), first.nnzb());
        replan(plan, next.view());
        EXPECT_EQ(product(plan, next), product(plan_of(next, false), next));
    }
}

TEST(ReplanCpu, KeepsItsPatternWhenItRefusesOne) {
    const BsrMatrix a = matrix(1);
    const Plan plan = plan_of(a, true);
    const std::vector<float> before = product(plan, a);
    BsrMatrix wrong = matrix(2);
    wrong.col_indices.front() = 10;  // there are 10 block columns
    EXPECT_EQ(code_of(plan, wrong.view()), ErrorCode::invalid_pattern);
    BsrView smaller = a.view();
    smaller.nnzb -= 1;
    EXPECT_EQ(code_of(plan, smaller), ErrorCode::invalid_argument);
    EXPECT_EQ(code_of(plan_of(a, false), a.view()), ErrorCode::invalid_argument);
    EXPECT_EQ(product(plan, a), before);
}

TEST(DynamicPlans, TakeListsOfLimitedWidth) {
    if (!is_built(KernelId::spmm_sm90_small)) {
        GTEST_SKIP() << "this build has no Hopper kernels";
    }
    const BsrMatrix wide = generate({.m = 64, .k = 131088, .block_m = 16, .block_k = 16, .density = 0.01});
    const BsrMatrix a = generate({.m = 64, .k = 131072, .block_m = 16, .block_k = 16, .density = 0.01});
    const auto refused = [](const BsrMatrix& matrix, bool dynamic) {
        try {
            (void)plan_spmm(matrix.view(), matrix.crow_indices, matrix.col_indices,
                            check_problem(matrix.view(), {.n = 128}), device_model_by_name("h200"),
                            {.kernel = "spmm_sm90_small", .dynamic = dynamic});
        } catch (const Error& error) {
            return error.code() == ErrorCode::unsupported;
        }
        return false;
    };
    EXPECT_FALSE(refused(a, true));
    EXPECT_FALSE(refused(wide, false));
    EXPECT_TRUE(refused(wide, true));
}

/// Bytes of the arrays that a CUDA plan keeps.
template <class T>
std::int64_t bytes(const std::vector<T>& array) {
    return static_cast<std::int64_t>(array.size() * sizeof(T));
}

TEST(PlanMemory, IsAtMostAFewHundredthsOfTheValues) {
    for (const int block : {16, 32, 64, 128}) {
        for (const double density : {0.05, 0.22, 0.5}) {
            const BsrMatrix a =
                generate({.m = 4096, .k = 4096, .block_m = block, .block_k = block, .density = density});
            const HostPlan plan =
                plan_spmm(a.view(), a.crow_indices, a.col_indices, check_problem(a.view(), {.n = 4096}),
                          device_model_by_name("h200"), {});
            const UnionLists& lists = plan.lists;
            const std::int64_t held =
                bytes(a.crow_indices) + bytes(a.col_indices) + bytes(plan.schedule.offsets) +
                bytes(plan.schedule.items) + bytes(plan.schedule.parts) + bytes(plan.pairs.pairs) +
                bytes(plan.pairs.steps) + bytes(lists.group_rows) + bytes(lists.group_stages) +
                bytes(lists.steps) + bytes(lists.stage_units) + bytes(lists.units);
            const std::int64_t values = a.nnzb() * block * block * 2;
            EXPECT_LE(held, values / 20) << "block " << block << ", density " << density;
            if (!lists.group_stages.empty()) {  // a dynamic plan keeps room for any pattern's stages
                EXPECT_GE(most_stages(a.view()), lists.group_stages.back());
                const std::int64_t room =
                    most_stages(a.view()) * kGroupStageSteps * static_cast<std::int64_t>(sizeof(UnionStep));
                EXPECT_LE(held - bytes(lists.steps) + room, values / 20)
                    << "dynamic, block " << block << ", density " << density;
            }
        }
    }
}

}  // namespace
}  // namespace bsk
