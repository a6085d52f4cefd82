#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bsk/bsr.h>
#include <bsk/device.h>
#include <bsk/error.h>
#include <bsk/plan.h>

#include "format/indices.h"
#include "plan/device_models.h"
#include "plan/kernels.h"
#include "plan/planner.h"
#include "plan/signature.h"
#include "plan/sm80_tile.h"

namespace bsk {
namespace {

BsrMatrix square(int size, int block, DType dtype = DType::f16) {
    return generate(
        {.m = size, .k = size, .block_m = block, .block_k = block, .density = 0.22, .dtype = dtype});
}

HostPlan plan_of(const BsrMatrix& a, const SpmmProblem& problem, const std::string& device,
                 const PlanOptions& options, const std::string& no_cublas = "") {
    const BsrView view = a.view();
    return plan_spmm(view, a.crow_indices, a.col_indices, check_problem(view, problem),
                     device_model_by_name(device), options, no_cublas);
}

HostPlan plan_of(const BsrMatrix& a, const SpmmProblem& problem, const std::string& device,
                 const std::string& kernel = "") {
    return plan_of(a, problem, device, PlanOptions{kernel});
}

bool reasons_mention(const HostPlan& plan, const std::string& text) {
    return std::any_of(plan.reasons.begin(), plan.reasons.end(),
                       [&](const std::string& reason) { return reason.find(text) != std::string::npos; });
}

SpmmProblem problem_of(const BsrMatrix& a, std::int64_t n) {
    return {.n = n, .c_dtype = a.dtype};
}

/// Tests of what is chosen on Hopper; a build without 90a has no kernel for it.
class HopperPlanner : public ::testing::Test {
protected:
    void SetUp() override {
        if (!is_built(KernelId::spmm_sm90)) {
            GTEST_SKIP() << "this build has no spmm_sm90";
        }
    }
};

ErrorCode code_of(const BsrMatrix& a, const SpmmProblem& problem, const std::string& device,
                  const std::string& kernel = "") {
    try {
        (void)plan_of(a, problem, device, kernel);
    } catch (const Error& error) {
        return error.code();
    }
    return ErrorCode::internal;
}

TEST_F(HopperPlanner, TakesTheHopperKernelForLargeBlocksOnHopperOnly) {
    const BsrMatrix a = square(1024, 64);
    EXPECT_EQ(plan_of(a, problem_of(a, 512), "h200").choice.kernel, KernelId::spmm_sm90);
    EXPECT_EQ(plan_of(a, problem_of(a, 512), "a100").choice.kernel, KernelId::spmm_sm80);
    EXPECT_EQ(plan_of(a, problem_of(a, 512), "cpu").choice.kernel, KernelId::spmm_cpu);
}

TEST_F(HopperPlanner, PairsBlockRowsOf64WhereThatIsFaster) {
    const auto kernel = [](const BsrMatrix& a, std::int64_t n, bool dynamic = false) {
        return plan_of(a, problem_of(a, n), "h200", PlanOptions{.kernel = "", .dynamic = dynamic})
            .choice.kernel;
    };
    EXPECT_EQ(kernel(square(4096, 64), 4096), KernelId::spmm_sm90_pairs);
    EXPECT_EQ(kernel(square(4096, 64), 4096, true), KernelId::spmm_sm90);
    EXPECT_EQ(kernel(square(4096, 128), 4096), KernelId::spmm_sm90);
    // One row holds everything: only spmm_sm90 splits it.
    BsrMatrix long_row = generate({.m = 256, .k = 20480, .block_m = 64, .block_k = 64});
    long_row.crow_indices = {0, 0, 320, 320, 320};
    long_row.col_indices.resize(320);
    std::iota(long_row.col_indices.begin(), long_row.col_indices.end(), 0);
    EXPECT_EQ(kernel(long_row, 1024), KernelId::spmm_sm90);
    const HostPlan plan = plan_of(square(4096, 64), problem_of(square(4096, 64), 4096), "h200");
    EXPECT_TRUE(reasons_mention(plan, "two block rows share loads of B"));
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

TEST_F(HopperPlanner, CopiesOperandsWhoseLinesTmaCannotUse) {
    const BsrMatrix a = square(512, 64);
    using Copies = std::pair<bool, bool>;  // of B, of C
    const auto copies = [](const BsrMatrix& matrix, SpmmProblem problem) {
        const HostPlan plan = plan_of(matrix, problem, "h200", "spmm_sm90");
        EXPECT_EQ(plan.copies_b || plan.copies_c, reasons_mention(plan, "copied to lines"));
        return Copies{plan.copies_b, plan.copies_c};
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
    BsrMatrix a = generate({.m = 256, .k = 20480, .block_m = 64, .block_k = 64});
    a.crow_indices = {0, 0, 320, 320, 320};
    a.col_indices.resize(320);
    std::iota(a.col_indices.begin(), a.col_indices.end(), 0);
    const DeviceModel h200 = device_model_by_name("h200");
    const SpmmProblem problem = check_problem(a.view(), {.n = 136});
    PlanOptions options;
    options.kernel = "spmm_sm90";
    const HostPlan split = plan_spmm(a.view(), a.crow_indices, a.col_indices, problem, h200, options);
    EXPECT_EQ(split.schedule.split_tiles, 1);
    EXPECT_TRUE(reasons_mention(split, "split into 8 parts"));
    options.dynamic = true;
    const HostPlan whole = plan_spmm(a.view(), a.crow_indices, a.col_indices, problem, h200, options);
    EXPECT_EQ(whole.schedule.split_tiles, 0);
    EXPECT_GT(whole.schedule.makespan, 2 * split.schedule.makespan);
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

TEST(Planner, StreamsAWhereColumnsAreFewOnAmpereToo) {
    const BsrMatrix a = square(8192, 64);
    EXPECT_EQ(plan_of(a, problem_of(a, 4), "a100").choice.kernel, KernelId::spmm_skinny);
}

TEST_F(HopperPlanner, ChoosesByPredictedTimeAndSaysWhatTheOthersTake) {
    for (const int block : {16, 32, 64, 128}) {
        const BsrMatrix a = square(2048, block);
        for (const std::int64_t n : {8, 64, 512, 2048}) {
            const PlanOptions options{.kernel = "", .policy = Policy::automatic};
            const HostPlan plan = plan_of(a, problem_of(a, n), "h200", options);
            for (const KernelId kernel : kKernels) {
                if (kernel != plan.choice.kernel && kernel != KernelId::dense_cublas &&
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

TEST_F(HopperPlanner, MultipliesDenselyOnlyWhereAllowedAndWorthIt) {
    const PlanOptions allowed{.kernel = "", .policy = Policy::automatic, .packed_values = true};
    const BsrMatrix full = generate({.m = 2048, .k = 2048, .block_m = 16, .block_k = 16, .density = 1.0});
    const HostPlan dense = plan_of(full, problem_of(full, 2048), "h200", allowed);
    EXPECT_EQ(dense.choice.kernel, KernelId::dense_cublas);
    EXPECT_EQ(dense.packed_bytes, 2048 * 2048 * 2);
    EXPECT_TRUE(reasons_mention(dense, "8.0 MiB"));

    EXPECT_NE(plan_of(full, problem_of(full, 2048), "h200").choice.kernel, KernelId::dense_cublas);
    const BsrMatrix thin = generate({.m = 8192, .k = 8192, .block_m = 128, .block_k = 128, .density = 0.02});
    EXPECT_NE(plan_of(thin, problem_of(thin, 8192), "h200", allowed).choice.kernel, KernelId::dense_cublas);

    const HostPlan without = plan_of(full, problem_of(full, 2048), "h200", allowed, "it is not installed");
    EXPECT_NE(without.choice.kernel, KernelId::dense_cublas);
    EXPECT_TRUE(reasons_mention(without, "Not dense_cublas: it is not installed."));
    EXPECT_THROW(
        (void)plan_of(full, problem_of(full, 2048), "h200", PlanOptions{"dense_cublas"}, "it is not there"),
        Error);
}

TEST_F(HopperPlanner, CountsTheExpansionUnlessValuesArePacked) {
    const BsrMatrix a = square(4096, 64);
    const auto seconds = [&](bool packed) {
        return plan_of(a, problem_of(a, 4096), "h200",
                       PlanOptions{.kernel = "dense_cublas", .packed_values = packed})
            .predicted_seconds;
    };
    EXPECT_GT(seconds(false),
              seconds(true) + 4096.0 * 4096 * 2 / 4.8e12);  // the memory's rate by the datasheet
}

TEST_F(HopperPlanner, RefusesDenseProductsThatDoNotFit) {
    BsrView a;  // a quarter of 141 GiB is 18.9e9 elements
    a.m = 200000;
    a.k = 100000;
    a.block_m = a.block_k = 64;
    const DeviceModel h200 = device_model_by_name("h200");
    EXPECT_NE(why_not(KernelId::dense_cublas, a, {.n = 8}, h200).find("37.3 GiB"), std::string::npos);
    a.m = 100000;
    EXPECT_EQ(why_not(KernelId::dense_cublas, a, {.n = 8}, h200), "");
    a.k = 0;
    EXPECT_NE(why_not(KernelId::dense_cublas, a, {.n = 8}, h200), "");
}

TEST(PatternSignature, TellsPatternsApart) {
    const std::uint64_t signature = pattern_signature({0, 1, 2}, {0, 1});
    EXPECT_EQ(signature, pattern_signature({0, 1, 2}, {0, 1}));
    EXPECT_NE(signature, pattern_signature({0, 1, 2}, {1, 0}));
    EXPECT_NE(signature, pattern_signature({0, 2, 2}, {0, 1}));
    EXPECT_NE(signature, pattern_signature({0, 1, 2, 2}, {0, 1}));
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

TEST_F(HopperPlanner, UsesSmallTilesWhereLargeOnesLeaveProcessorsIdle) {
    const BsrMatrix a = square(8192, 128);  // 64 tile rows of 128, 128 of 64, for 132 processors
    EXPECT_EQ(plan_of(a, problem_of(a, 256), "h200").choice.tile_m, 64);
    EXPECT_EQ(plan_of(a, problem_of(a, 8192), "h200").choice.tile_m, 128);
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

TEST_F(HopperPlanner, ExplainNamesTheDeviceTheKernelAndBothSizes) {
    const BsrMatrix a = square(1024, 128);
    const std::string text =
        preview_plan(a.view(), problem_of(a, 2048), device_model_by_name("h100")).explanation;
    for (const char* part : {"H100", "spmm_sm90", "1024 x 2048", "128x128", "executed TFLOP/s"}) {
        EXPECT_NE(text.find(part), std::string::npos) << part << " is missing in:\n" << text;
    }
}

TEST(DeviceModel, TakesRatesByWholeWordsOfTheName) {
    DeviceModel l40;
    l40.name = "NVIDIA L40S";
    l40.type = DeviceType::cuda;
    l40.cc_major = 8;
    l40.sm_count = 142;
    fill_rates(l40);
    EXPECT_NE(l40.memory_gbps, device_model_by_name("l4").memory_gbps);
    DeviceModel h100 = l40;
    h100.name = "NVIDIA H100-SXM5-80GB";
    h100.cc_major = 9;
    fill_rates(h100);
    EXPECT_EQ(h100.memory_gbps, device_model_by_name("h100").memory_gbps);
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

TEST(DeviceModel, RefusesUnknownNamesAndMissingDevices) {
    EXPECT_THROW((void)device_model_by_name("h300"), Error);
    EXPECT_THROW((void)device_model({DeviceType::cuda, 1000}), Error);
    EXPECT_THROW((void)device_model({DeviceType::cpu, 1}), Error);
}

SpmmProblem transposed_problem_of(const BsrMatrix& a, std::int64_t n) {
    SpmmProblem problem = problem_of(a, n);
    problem.transpose_a = true;
    return problem;
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

TEST_F(HopperPlanner, ReadsStoredBlocksTransposed) {
    const BsrMatrix a = square(2048, 128);
    const HostPlan plan = plan_of(a, transposed_problem_of(a, 4096), "h200");
    EXPECT_EQ(plan.choice.kernel, KernelId::spmm_sm90);
    EXPECT_FALSE(plan.transposes_values);
    EXPECT_EQ(plan.packed_bytes, 0);
}

TEST(TransposedPlan, IsNotDynamic) {
    const BsrMatrix a = square(512, 64);
    PlanOptions options;
    options.dynamic = true;
    EXPECT_THROW((void)plan_of(a, transposed_problem_of(a, 64), "cpu", options), Error);
}

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

TEST(Kernels, NameWhatTheyNeedBeforeWhatADynamicPlanLacks) {
    const BsrMatrix a = square(1024, 32);
    const HostPlan plan = plan_of(a, problem_of(a, 512), "h200", PlanOptions{.kernel = "", .dynamic = true});
    EXPECT_FALSE(reasons_mention(plan, "rows are paired on the host")) << "no plan pairs blocks of 32";
}

TEST(Kernels, FallBackInWords) {
    const BsrMatrix a = square(1024, 64);
    const HostPlan plan = plan_of(a, problem_of(a, 512), "a100");
    EXPECT_EQ(plan.choice.kernel, KernelId::spmm_sm80);
    EXPECT_TRUE(reasons_mention(plan, "Not spmm_sm90: "));
}

TEST(Kernels, RunThroughPtxOnGpusNewerThanTheBuild) {
    DeviceModel device = device_model_by_name("h200");
    device.cc_major = 99;
    EXPECT_EQ(code_for(KernelId::spmm_sm80, device), KernelCode::ptx);
    EXPECT_EQ(code_for(KernelId::spmm_sm90, device), KernelCode::none);
    EXPECT_EQ(code_for(KernelId::spmm_cpu, device), KernelCode::none);
    EXPECT_EQ(code_for(KernelId::spmm_cpu, device_model_by_name("cpu")), KernelCode::native);
    if (is_built(KernelId::spmm_sm90)) {
        EXPECT_EQ(code_for(KernelId::spmm_sm80, device_model_by_name("h200")), KernelCode::native);
        EXPECT_EQ(code_for(KernelId::spmm_sm90, device_model_by_name("h200")), KernelCode::native);
    }
}

TEST(Kernels, OfSampledProductsRunWhereTheirLikesDo) {
    DeviceModel device = device_model_by_name("h200");
    device.cc_major = 99;
    std::map<std::string, KernelCode> code;
    for (const KernelSupport& support : sddmm_kernel_support(device)) {
        EXPECT_EQ(support.runs, support.code != KernelCode::none) << support.kernel;
        code[support.kernel] = support.code;
    }
    const std::map<std::string, KernelCode> expected{{"sddmm_sm90", KernelCode::none},
                                                     {"sddmm_sm80", KernelCode::ptx},
                                                     {"sddmm_simt", KernelCode::ptx},
                                                     {"sddmm_cpu", KernelCode::none}};
    EXPECT_EQ(code, expected);
}

TEST(Kernels, RefuseGpusOlderThanAmpereInWords) {
    DeviceModel device = device_model_by_name("a100");
    device.cc_major = 7;
    device.cc_minor = 5;
    const BsrMatrix a = square(512, 64);
    const SpmmProblem problem = check_problem(a.view(), problem_of(a, 512));
    try {
        (void)plan_spmm(a.view(), a.crow_indices, a.col_indices, problem, device, {});
        FAIL() << "planned for compute capability 7.5";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::unsupported);
        EXPECT_NE(std::string(error.what()).find("compute capability 7.5): they need 8.0 or later"),
                  std::string::npos)
            << error.what();
    }
}

}  // namespace
}  // namespace bsk
