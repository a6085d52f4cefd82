#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bsk/bsr.h>
#include <bsk/plan.h>

#include "host/plan_support.h"
#include "plan/device_models.h"
#include "plan/kernels.h"
#include "plan/planner.h"
#include "plan/sm80_tile.h"

namespace bsk {
namespace {

TEST(Sm80Planner, TakesTilesInsideBlockRows) {
    for (const int block_m : {16, 32, 64, 128, 256}) {
        const BsrMatrix a =
            generate({.m = 1024, .k = 1024, .block_m = block_m, .block_k = 32, .density = 0.22});
        for (const std::int64_t n : {1, 200, 4096}) {
            const HostPlan plan = plan_of(a, problem_of(a, n), "a100", "spmm_sm80");
            SCOPED_TRACE(fmt::format("{} rows of blocks, {} columns", block_m, n));
            EXPECT_EQ(block_m % plan.choice.tile_m, 0);
            EXPECT_EQ(std::ranges::count(kSm80Tiles, Sm80Tile{plan.choice.tile_m, plan.choice.tile_n}), 1);
            EXPECT_GT(plan.predicted_seconds, 0);
        }
    }
}

TEST(Sm80Planner, TakesNarrowTilesWhereWideOnesLeaveMultiprocessorsIdle) {
    const BsrMatrix a = square(4096, 64);
    const auto columns = [&](std::int64_t n) {
        return plan_of(a, problem_of(a, n), "a100", "spmm_sm80").choice.tile_n;
    };
    EXPECT_EQ(columns(8192), 256);
    EXPECT_EQ(columns(128), 128);
}

TEST(Sm80Planner, TransposesBWhereItWouldReadItInShortPieces) {
    const auto transposes_b = [](int size, int block, Layout layout) {
        const BsrMatrix a = square(size, block);
        SpmmProblem problem = problem_of(a, size);
        problem.b_layout = layout;
        const HostPlan plan = plan_of(a, problem, "a100", "spmm_sm80");
        EXPECT_EQ(plan.transposes_b, reasons_mention(plan, "B is transposed"));
        return plan.transposes_b;
    };
    EXPECT_TRUE(transposes_b(2048, 16, Layout::col_major));
    EXPECT_FALSE(transposes_b(2048, 16, Layout::row_major));
    EXPECT_FALSE(transposes_b(256, 16, Layout::col_major)) << "the copy takes longer than it saves";
    EXPECT_FALSE(transposes_b(2048, 64, Layout::col_major));
}

TEST(Sm80Planner, CopiesBOnceWhereItsLinesAreUnalignedToo) {
    const BsrMatrix a = square(2048, 16);
    SpmmProblem problem = problem_of(a, 2048);
    problem.b_layout = Layout::col_major;
    const HostPlan aligned = plan_of(a, problem, "a100", "spmm_sm80");
    problem.ldb = 2049;
    const HostPlan plan = plan_of(a, problem, "a100", "spmm_sm80");
    EXPECT_TRUE(plan.transposes_b);
    EXPECT_FALSE(plan.copies_b);
    EXPECT_FALSE(reasons_mention(plan, "copied to lines"));
    EXPECT_EQ(plan.predicted_seconds, aligned.predicted_seconds);
}

}  // namespace
}  // namespace bsk
