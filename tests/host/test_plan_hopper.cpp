#include <algorithm>
#include <numeric>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bsk/bsr.h>
#include <bsk/device.h>
#include <bsk/error.h>
#include <bsk/plan.h>

#include "battery/battery.h"
#include "battery/problem.h"
#include "host/plan_support.h"
#include "plan/device_models.h"
#include "plan/kernels.h"
#include "plan/planner.h"

namespace bsk {
namespace {

ErrorCode code_of(const BsrMatrix& a, const SpmmProblem& problem, const std::string& device,
                  const std::string& kernel = "") {
    try {
        (void)plan_of(a, problem, device, kernel);
    } catch (const Error& error) {
        return error.code();
    }
    return ErrorCode::internal;
}

/// One block row holds everything.
BsrMatrix long_row() {
    BsrMatrix a = generate({.m = 256, .k = 20480, .block_m = 64, .block_k = 64});
    a.crow_indices = {0, 0, 320, 320, 320};
    a.col_indices.resize(320);
    std::iota(a.col_indices.begin(), a.col_indices.end(), 0);
    return a;
}

TEST_F(HopperPlanner, TakesTheHopperKernelForLargeBlocksOnHopperOnly) {
    const BsrMatrix a = square(2048, 128);
    EXPECT_EQ(plan_of(a, problem_of(a, 2048), "h200").choice.kernel, KernelId::spmm_sm90);
    EXPECT_EQ(plan_of(a, problem_of(a, 2048), "a100").choice.kernel, KernelId::spmm_sm80);
    EXPECT_EQ(plan_of(a, problem_of(a, 2048), "cpu").choice.kernel, KernelId::spmm_cpu);
}

TEST_F(HopperPlanner, PairsBlockRowsOf64WhereThatIsFaster) {
    const auto kernel = [](const BsrMatrix& a, std::int64_t n, bool dynamic = false) {
        return plan_of(a, problem_of(a, n), "h200", PlanOptions{.kernel = "", .dynamic = dynamic})
            .choice.kernel;
    };
    EXPECT_EQ(kernel(square(4096, 64), 4096), KernelId::spmm_sm90_pairs);
    EXPECT_NE(kernel(square(4096, 64), 4096, true), KernelId::spmm_sm90_pairs) << "only the host pairs rows";
    EXPECT_EQ(kernel(square(4096, 128), 4096), KernelId::spmm_sm90);
    EXPECT_EQ(kernel(long_row(), 1024), KernelId::spmm_sm90) << "spmm_sm90_pairs splits no tiles";
    const HostPlan plan = plan_of(square(4096, 64), problem_of(square(4096, 64), 4096), "h200");
    EXPECT_TRUE(reasons_mention(plan, "two block rows share loads of B"));
}

TEST_F(HopperPlanner, LeavesBatchesOfFewColumnsToTheKernelForThem) {
    const BsrMatrix a = square(4096, 128);
    SpmmProblem problem = problem_of(a, 16);
    problem.batch = 64;
    EXPECT_EQ(plan_of(a, problem, "h200").choice.kernel, KernelId::spmm_skinny);
    const HostPlan named = plan_of(a, problem, "h200", "spmm_sm90_small");
    EXPECT_TRUE(reasons_mention(named, "fewer than 64 columns"));
}

TEST_F(HopperPlanner, KeepsBsStripInL2WhereAHasNoRoomBesideIt) {
    const auto keeps = [](std::int64_t m, std::int64_t k, int block, double density) {
        BsrMatrix a = generate(
            {.m = m / block * 16, .k = k / block * 16, .block_m = 16, .block_k = 16, .density = density});
        a.m = m;
        a.k = k;
        a.block_m = block;
        a.block_k = block;
        const HostPlan plan = plan_of(a, problem_of(a, 4096), "h200");
        EXPECT_EQ(plan.keeps_b_in_l2, reasons_mention(plan, "lines of A and C are evicted first"));
        return plan.keeps_b_in_l2;
    };
    EXPECT_TRUE(keeps(4096, 32768, 128, 0.22));
    EXPECT_TRUE(keeps(4096, 32768, 64, 0.22));
    EXPECT_FALSE(keeps(8192, 16384, 128, 0.22)) << "the strip is 16 MiB";
    EXPECT_FALSE(keeps(1024, 32768, 128, 0.22)) << "A is 14 MiB";
    EXPECT_FALSE(keeps(4096, 32768, 32, 0.22)) << "tiles of 128 columns";
}

TEST_F(HopperPlanner, SaysWhyTheHopperKernelDoesNotFit) {
    const BsrMatrix small = square(4096, 32);
    const HostPlan by_block = plan_of(small, problem_of(small, 4096), "h200");
    EXPECT_EQ(by_block.choice.kernel, KernelId::spmm_sm90_small);
    EXPECT_TRUE(reasons_mention(by_block, "blocks of 32x32"));

    const BsrMatrix wide = square(512, 64, DType::f32);
    const HostPlan by_dtype = plan_of(wide, problem_of(wide, 512), "h200");
    EXPECT_EQ(by_dtype.choice.kernel, KernelId::spmm_simt);
    EXPECT_TRUE(reasons_mention(by_dtype, "float32"));
}

TEST_F(HopperPlanner, CopiesABAndStoresACByThreadsWhoseLinesTmaCannotUse) {
    const BsrMatrix a = square(512, 64);
    using Copies = std::pair<bool, bool>;  // B is copied, C is stored by threads
    const auto copies = [](const BsrMatrix& matrix, SpmmProblem problem) {
        const HostPlan plan = plan_of(matrix, problem, "h200", "spmm_sm90");
        EXPECT_EQ(plan.copies_b, reasons_mention(plan, "B is copied to lines"));
        EXPECT_EQ(plan.stores_c_by_threads, reasons_mention(plan, "Threads store C"));
        return Copies{plan.copies_b, plan.stores_c_by_threads};
    };
    EXPECT_EQ(copies(a, {.n = 104, .ldb = 112, .ldc = 120}), Copies(false, false));
    EXPECT_EQ(copies(a, {.n = 104, .ldb = 108}), Copies(true, false));
    EXPECT_EQ(copies(a, {.n = 104, .ldc = 108}), Copies(false, true));
    EXPECT_EQ(copies(a, {.n = 101}), Copies(true, true));
    // TMA would store elements 100 to 103 of each line of C as well.
    EXPECT_EQ(copies(a, {.n = 100, .ldb = 104, .ldc = 104}), Copies(false, true));
    EXPECT_EQ(copies(a, {.n = 100, .c_dtype = DType::f32, .ldb = 104, .ldc = 104}), Copies(false, false));
    // Any n where n does not run along a line.
    EXPECT_EQ(copies(a, {.n = 101, .b_layout = Layout::col_major, .c_layout = Layout::col_major}),
              Copies(false, false));
    EXPECT_EQ(copies(a, {.n = 104, .batch = 2, .stride_b = 512 * 104 + 4}), Copies(true, false));

    // TMA would read what lies behind the columns of B.
    const BsrMatrix ragged = generate({.m = 512, .k = 500, .block_m = 64, .block_k = 64});
    EXPECT_EQ(copies(ragged, {.n = 64, .b_layout = Layout::col_major, .ldb = 504}), Copies(true, false));
}

TEST_F(HopperPlanner, CopiesACThatThreadsWouldStoreForLonger) {
    const auto copies = [](int block, std::int64_t n) {
        const BsrMatrix a = square(8192, block);
        const HostPlan plan = plan_of(a, problem_of(a, n), "h200");
        EXPECT_NE(plan.copies_c, plan.stores_c_by_threads);
        EXPECT_EQ(plan.copies_c, reasons_mention(plan, "B and C are copied to lines"));
        return plan.copies_c;
    };
    for (const int block : {128, 64, 32, 16}) {
        EXPECT_FALSE(copies(block, 511)) << block;
    }
    EXPECT_TRUE(copies(128, 8191));
    EXPECT_TRUE(copies(64, 8191));
    EXPECT_FALSE(copies(32, 8191));
    EXPECT_FALSE(copies(16, 8191));
}

TEST_F(HopperPlanner, CopiesABThatIsLoadedFasterFromWholeLines) {
    const BsrMatrix a = square(512, 64);
    const auto copies = [](const BsrMatrix& matrix, SpmmProblem problem, const char* kernel) {
        return plan_of(matrix, problem, "h200", kernel).copies_b;
    };
    EXPECT_TRUE(copies(a, {.n = 511}, "spmm_sm80"));
    EXPECT_FALSE(copies(a, {.n = 512}, "spmm_sm80"));
    EXPECT_TRUE(copies(a, {.n = 100, .ldb = 101}, "spmm_skinny"));
    EXPECT_FALSE(copies(a, {.n = 5}, "spmm_skinny")) << "so few columns are loaded element by element";

    // Rows of B that start off lines of L2: worth a copy where many stored blocks read them.
    const BsrMatrix many = square(8192, 64);
    EXPECT_TRUE(copies(many, {.n = 8136}, "spmm_sm90"));
    EXPECT_FALSE(copies(many, {.n = 8192}, "spmm_sm90"));
    EXPECT_FALSE(copies(square(8192, 128), {.n = 8136}, "spmm_sm90"));
}

TEST_F(HopperPlanner, SplitsALongRowButNotForADynamicPlan) {
    const BsrMatrix a = long_row();
    const DeviceModel h200 = device_model_by_name("h200");
    const SpmmProblem problem = check_problem(a.view(), {.n = 128});
    PlanOptions options;
    for (const char* kernel : {"spmm_sm90", "spmm_sm90_small"}) {
        options.kernel = kernel;
        options.dynamic = false;
        const HostPlan split = plan_spmm(a.view(), a.crow_indices, a.col_indices, problem, h200, options);
        EXPECT_EQ(split.schedule.split_tiles, 1);
        EXPECT_TRUE(reasons_mention(split, "split into 8 parts"));
        options.dynamic = true;
        const HostPlan whole = plan_spmm(a.view(), a.crow_indices, a.col_indices, problem, h200, options);
        EXPECT_EQ(whole.schedule.split_tiles, 0);
        EXPECT_GT(whole.schedule.makespan, 2 * split.schedule.makespan);
    }
}

TEST_F(HopperPlanner, HonoursTheKernelAskedForOrRefuses) {
    const BsrMatrix a = square(512, 64);
    EXPECT_EQ(plan_of(a, problem_of(a, 512), "h200", "spmm_sm80").choice.kernel, KernelId::spmm_sm80);
    EXPECT_EQ(code_of(a, problem_of(a, 512), "h200", "spmm_simt"), ErrorCode::unsupported);
    EXPECT_EQ(code_of(a, problem_of(a, 512), "a100", "spmm_sm90"), ErrorCode::unsupported);
    EXPECT_EQ(code_of(a, problem_of(a, 512), "h200", "spmm_sm70"), ErrorCode::invalid_argument);
}

TEST_F(HopperPlanner, StreamsAWhereColumnsAreFew) {
    for (const int block : {16, 32, 64, 128}) {
        const BsrMatrix a = square(8192, block);
        for (const std::int64_t n : {1, 8, 16}) {
            EXPECT_EQ(plan_of(a, problem_of(a, n), "h200").choice.kernel, KernelId::spmm_skinny) << block;
        }
        EXPECT_NE(plan_of(a, problem_of(a, 512), "h200").choice.kernel, KernelId::spmm_skinny) << block;
        EXPECT_EQ(code_of(a, problem_of(a, 129), "h200", "spmm_skinny"), ErrorCode::unsupported);
    }
    const BsrMatrix wide = square(512, 64, DType::f32);
    EXPECT_EQ(code_of(wide, problem_of(wide, 8), "h200", "spmm_skinny"), ErrorCode::unsupported);
}

TEST_F(HopperPlanner, CountsTheTilesOfFewColumns) {
    for (const auto& [block, rows] : {std::pair{16, 16}, {32, 32}, {128, 64}}) {
        const BsrMatrix a = square(4096, block);
        const CostTerms terms = plan_of(a, problem_of(a, 128), "h200", "spmm_skinny").terms;
        EXPECT_EQ(terms.variant, fmt::format("spmm_skinny/{}x64", rows));
        EXPECT_NEAR(terms.tiles, 2.0 * 4096 / rows / 132, 1e-9) << block;
    }
}

TEST_F(HopperPlanner, PricesASingleColumnTheSameInBothLayouts) {
    const BsrMatrix a = square(4096, 64);
    const auto units = [&](const SpmmProblem& problem) {
        return plan_of(a, problem, "h200", "spmm_skinny").terms.units;
    };
    const double whole = units({.n = 1, .b_layout = Layout::col_major});
    EXPECT_EQ(units({.n = 1, .b_layout = Layout::row_major}), whole);
    EXPECT_GT(units({.n = 1, .b_layout = Layout::row_major, .ldb = 3}), whole) << "loaded by elements";
}

TEST_F(HopperPlanner, ChoosesByPredictedTimeAndSaysWhatTheOthersTake) {
    for (const int block : {16, 32, 64, 128}) {
        const BsrMatrix a = square(2048, block);
        for (const std::int64_t n : {8, 64, 512, 2048}) {
            const PlanOptions options{.kernel = "", .policy = Policy::automatic};
            const HostPlan plan = plan_of(a, problem_of(a, n), "h200", options);
            for (const KernelId kernel : kKernels) {
                const bool by_name = kernel == KernelId::spmm_sm90_small && block >= 64;
                if (kernel != plan.choice.kernel && kernel != KernelId::dense_cublas && !by_name &&
                    why_not(kernel, a.view(), plan.problem, device_model_by_name("h200")).empty()) {
                    EXPECT_LE(plan.predicted_seconds,
                              plan_of(a, problem_of(a, n), "h200", name(kernel)).predicted_seconds)
                        << name(kernel) << ", block " << block << ", n " << n;
                    EXPECT_TRUE(reasons_mention(plan, std::string("Not ") + name(kernel) + ": predicted"));
                }
            }
        }
    }
}

TEST_F(HopperPlanner, LeavesLargeBlocksToTheirKernels) {
    const auto left_to = [](int block, bool dynamic) {
        const BsrMatrix a = square(2048, block);
        const HostPlan plan =
            plan_of(a, problem_of(a, 2048), "h200", PlanOptions{.kernel = "", .dynamic = dynamic});
        const bool left = reasons_mention(plan, "Not spmm_sm90_small: spmm_sm90");
        EXPECT_TRUE(!left || plan.choice.kernel != KernelId::spmm_sm90_small) << block;
        return left;
    };
    EXPECT_FALSE(left_to(32, false));
    EXPECT_TRUE(left_to(64, false));
    EXPECT_FALSE(left_to(64, true)) << "spmm_sm90_pairs has no dynamic plans";
    EXPECT_TRUE(left_to(128, false));
    EXPECT_TRUE(left_to(128, true));
}

TEST_F(HopperPlanner, CountsWhatTilesOfSmallBlocksLoadOfA) {
    const BsrMatrix full = generate({.m = 1024, .k = 1024, .block_m = 16, .block_k = 16, .density = 1.0});
    const CostTerms terms = plan_of(full, problem_of(full, 2048), "h200", "spmm_sm90_small").terms;
    // 32 pieces of B of 32 x 128, with 256 x 32 of A each; 4 bands of 64 rows times 64 unit columns.
    EXPECT_NEAR(terms.steps / terms.tiles, 32 * (1 + 2), 1e-9);
    EXPECT_NEAR(terms.units / terms.tiles, 4 * 64, 1e-9);
}

TEST_F(HopperPlanner, SharesSmallBlocksByMulticastWhereTwoColumnTilesAre) {
    for (const int block : {16, 32}) {
        for (const double density : {0.05, 0.22, 0.9}) {
            const BsrMatrix a =
                generate({.m = 4096, .k = 4096, .block_m = block, .block_k = block, .density = density});
            const auto choice = [&](std::int64_t n) {
                return plan_of(a, problem_of(a, n), "h200", "spmm_sm90_small").choice;
            };
            EXPECT_EQ(choice(4096).cluster, 2) << block << ", density " << density;
            EXPECT_EQ(choice(128).cluster, 1) << block << ", density " << density;
        }
    }
}

TEST_F(HopperPlanner, GroupsRowsEvenlyWhereTheFullestGroupWouldEndLate) {
    for (const int block : {16, 32}) {
        const auto even = [&](Pattern pattern, std::int64_t n) {
            const BsrMatrix a = generate({.pattern = pattern,
                                          .m = 8192,
                                          .k = 8192,
                                          .block_m = block,
                                          .block_k = block,
                                          .density = 0.22});
            const HostPlan plan = plan_of(a, problem_of(a, n), "h200", "spmm_sm90_small");
            return reasons_mention(plan, "Full rows are grouped with emptier ones");
        };
        EXPECT_TRUE(even(Pattern::power_law, 512)) << block;
        EXPECT_FALSE(even(Pattern::power_law, 8192)) << block << ": there are tiles enough to balance";
        EXPECT_FALSE(even(Pattern::uniform, 512)) << block;
    }
}

TEST_F(HopperPlanner, CoversEveryTileOfCForEveryBlock) {
    for (const int block_m : {64, 128, 256}) {
        const BsrMatrix a =
            generate({.m = 1000, .k = 512, .block_m = block_m, .block_k = 64, .density = 0.3});
        for (const std::int64_t n : {8, 256, 264, 520, 2048}) {
            const HostPlan plan = plan_of(a, problem_of(a, n), "h200", "spmm_sm90");
            const auto [kernel, tile_m, tile_n, cluster] = plan.choice;
            ASSERT_EQ(kernel, KernelId::spmm_sm90);
            ASSERT_EQ(block_m % tile_m, 0);
            const auto tile_rows = (1000 + tile_m - 1) / tile_m;
            const auto strips = (n + tile_n * cluster - 1) / (tile_n * cluster);
            EXPECT_EQ(static_cast<std::int64_t>(plan.schedule.items.size()), tile_rows * strips);
            EXPECT_EQ(static_cast<int>(plan.schedule.offsets.size()) - 1, 132 / cluster);
        }
    }
}

/// The tiles of spmm_sm90 that compute the battery's products on an H200: rows x columns x cluster, whether C is fp32, and whether
/// some are split.
std::set<std::string> tiles_of_battery() {
    std::set<std::string> tiles;
    for (const test::Case& c : test::battery()) {
        test::Problem problem;  // without B and C, which no plan reads
        problem.spec = c;
        problem.a = test::make_a(c);
        const SpmmProblem side = problem.dense_side();
        if (!why_not(KernelId::spmm_sm90, problem.a.view(), side, device_model_by_name("h200")).empty()) {
            continue;
        }
        const HostPlan plan = plan_of(problem.a, side, "h200", "spmm_sm90");
        tiles.insert(fmt::format("{}x{}x{}{}{}", plan.choice.tile_m, plan.choice.tile_n, plan.choice.cluster,
                                 c.c_dtype == DType::f32 ? " f32" : "",
                                 plan.schedule.split_tiles > 0 ? " split" : ""));
    }
    return tiles;
}

TEST_F(HopperPlanner, ComputesTheBatteryByEveryTileOfSpmmSm90) {
    const std::set<std::string> tiles = tiles_of_battery();
    for (const char* tile :
         {"64x256x1", "64x256x2", "128x128x1", "128x128x2", "128x256x1", "128x256x2", "64x256x1 f32",
          "64x256x2 f32", "128x128x1 f32", "128x128x2 f32", "128x256x1 f32", "128x256x2 f32",
          "64x256x1 split", "64x256x2 split", "128x128x1 split", "128x128x2 split", "128x256x1 split",
          "128x256x1 f32 split"}) {
        EXPECT_TRUE(tiles.contains(tile))
            << tile << " is not among " << fmt::format("{}", fmt::join(tiles, ", "));
    }
}

TEST_F(HopperPlanner, UsesNarrowTilesWhereWideOnesAreFew) {
    const BsrMatrix a = square(8192, 128);  // 64 tile rows
    for (const auto& [n, tile_n] : {std::pair{64, 128}, {512, 128}, {2048, 256}, {8192, 256}}) {
        const KernelChoice choice = plan_of(a, problem_of(a, n), "h200", "spmm_sm90").choice;
        EXPECT_EQ(choice.tile_m, 128) << n;
        EXPECT_EQ(choice.tile_n, tile_n) << n;
    }
}

TEST_F(HopperPlanner, ExplainNamesTheDeviceTheKernelAndBothSizes) {
    const BsrMatrix a = square(1024, 128);
    const std::string text =
        preview_plan(a.view(), problem_of(a, 2048), device_model_by_name("h100")).explanation;
    for (const char* part : {"H100", "spmm_sm90", "1024 x 2048", "128x128", "executed TFLOP/s"}) {
        EXPECT_NE(text.find(part), std::string::npos) << part << " is missing in:\n" << text;
    }
}

TEST_F(HopperPlanner, ReadsStoredBlocksTransposed) {
    const BsrMatrix a = square(2048, 128);
    const HostPlan plan = plan_of(a, transposed_problem_of(a, 4096), "h200");
    EXPECT_EQ(plan.choice.kernel, KernelId::spmm_sm90);
    EXPECT_FALSE(plan.transposes_values);
    EXPECT_EQ(plan.packed_bytes, 0);
}

TEST_F(HopperPlanner, PairsBlockRowsOfATransposeAsThoseOfAMatrix) {
    const BsrMatrix a = square(4096, 64);
    const HostPlan plan = plan_of(a, transposed_problem_of(a, 4096), "h200");
    EXPECT_EQ(plan.choice.kernel, KernelId::spmm_sm90_pairs);
    EXPECT_FALSE(plan.transposes_values);
    EXPECT_EQ(plan.packed_bytes, 0);
    EXPECT_EQ(plan.predicted_seconds, plan_of(a, problem_of(a, 4096), "h200").predicted_seconds);
}

TEST_F(HopperPlanner, PricesTilesOfDynamicPlansAboveZero) {
    // One group of 8 block rows by 128 columns: at some number of blocks steps take as long as units.
    BsrMatrix a = generate({.m = 256, .k = 4096, .block_m = 32, .block_k = 32});
    for (std::int32_t blocks = 128; blocks <= 1024; ++blocks) {
        a.col_indices.resize(static_cast<std::size_t>(blocks));
        for (std::int32_t i = 0; i < blocks; ++i) {
            a.col_indices[static_cast<std::size_t>(i)] = i % 128;
        }
        for (std::int32_t row = 0; row <= 8; ++row) {
            a.crow_indices[static_cast<std::size_t>(row)] = std::min(128 * row, blocks);
        }
        const PlanOptions options{.kernel = "spmm_sm90_small", .dynamic = true};
        EXPECT_GE(plan_of(a, problem_of(a, 128), "h200", options).tile.fixed, 0) << blocks << " blocks";
    }
}

}  // namespace
}  // namespace bsk
