// The tiles and the order of work of sddmm_sm90.
#include <map>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <bsk/bsr.h>
#include <bsk/device.h>

#include "base/math.h"
#include "plan/sddmm.h"
#include "plan/sddmm_tiles.h"

namespace bsk::test {
namespace {

struct Blocks {
    int m;
    int k;
    double density;
};

class SddmmTiles : public ::testing::TestWithParam<Blocks> {};

TEST_P(SddmmTiles, HoldEveryUnitOnce) {
    const auto [block_m, block_k, density] = GetParam();
    const BsrMatrix a = generate({.m = 2048 + 64,
                                  .k = 1536 + 40,
                                  .block_m = block_m,
                                  .block_k = block_k,
                                  .density = density,
                                  .seed = 3});
    const int unit = sddmm_unit(block_m, block_k);
    std::map<std::pair<int, int>, int> wanted;  // (unit row, unit column) -> row in the values
    for (std::size_t row = 0; row + 1 < a.crow_indices.size(); ++row) {
        for (int p = a.crow_indices[row]; p < a.crow_indices[row + 1]; ++p) {
            for (int i = 0; i < block_m; i += unit) {
                for (int j = 0; j < block_k; j += unit) {
                    const int unit_row = (static_cast<int>(row) * block_m + i) / unit;
                    const int unit_col = (a.col_indices[static_cast<std::size_t>(p)] * block_k + j) / unit;
                    wanted[{unit_row, unit_col}] = p * block_m + i;
                }
            }
        }
    }
    std::map<std::pair<int, int>, int> found;
    for (const SddmmTile& tile : make_sddmm_tiles(a.view(), a.crow_indices, a.col_indices)) {
        int kept = 0;
        for (int i = 0; i < kSddmmTileM / unit; ++i) {
            for (int j = 0; j < kSddmmTileN / unit; ++j) {
                EXPECT_GE(tile.rows[i], 0);  // what is not kept is loaded all the same
                EXPECT_LT(tile.rows[i], round_up(a.m, block_m) / unit);
                EXPECT_GE(tile.cols[j], 0);
                EXPECT_LT(tile.cols[j], round_up(a.k, block_k) / unit);
                if (tile.out[i][j] >= 0) {
                    EXPECT_TRUE(found.insert({{tile.rows[i], tile.cols[j]}, tile.out[i][j]}).second);
                    ++kept;
                }
            }
        }
        EXPECT_GT(kept, 0);
    }
    EXPECT_EQ(found, wanted);
}

INSTANTIATE_TEST_SUITE_P(Blocks, SddmmTiles,
                         ::testing::Values(Blocks{64, 64, 0.22}, Blocks{64, 64, 0.01}, Blocks{64, 64, 1.0},
                                           Blocks{64, 64, 0.0}, Blocks{32, 32, 0.22}, Blocks{32, 32, 0.002},
                                           Blocks{32, 32, 1.0}, Blocks{32, 256, 0.3}, Blocks{64, 32, 0.3},
                                           Blocks{32, 64, 0.3}, Blocks{256, 32, 0.3}, Blocks{128, 32, 0.3},
                                           Blocks{64, 128, 0.3}, Blocks{64, 256, 0.3}, Blocks{128, 128, 0.22},
                                           Blocks{128, 64, 0.3}, Blocks{256, 64, 0.3}, Blocks{256, 256, 0.4},
                                           Blocks{128, 256, 0.4}));

/// Of 8192 x 8192 uniform random blocks; what the plan's figures rest on.
TEST(SddmmTiles, KeepMostOfWhatTheyCompute) {
    for (const auto& [block, share] : {std::pair{64, 0.87}, {32, 0.65}}) {
        const BsrMatrix a =
            generate({.m = 8192, .k = 8192, .block_m = block, .block_k = block, .density = 0.22, .seed = 1});
        const std::vector<SddmmTile> tiles = make_sddmm_tiles(a.view(), a.crow_indices, a.col_indices);
        const double computed = static_cast<double>(tiles.size()) * kSddmmTileM * kSddmmTileN;
        EXPECT_GT(static_cast<double>(a.nnzb()) * block * block / computed, share) << "blocks of " << block;
    }
}

TEST(SddmmPlan, PredictsWhatWasMeasured) {
    if (!is_built(SddmmKernel::sddmm_sm90)) {
        GTEST_SKIP() << "built without the Hopper kernels";
    }
    const DeviceModel h200 = device_model_by_name("h200");
    // Microseconds of dW = dY^T * X, 8192 tokens, on two H200s (docs/worklog/training.md).
    for (const auto& [block, measured] : {std::pair{128, 377.0}, {64, 386.0}, {32, 701.0}}) {
        const BsrMatrix a = generate({.m = 8192,
                                      .k = 8192,
                                      .block_m = block,
                                      .block_k = block,
                                      .density = 0.22,
                                      .dtype = DType::bf16});
        const SddmmProblem problem =
            check_problem(a.view(), {.n = 8192, .values_dtype = DType::bf16, .d1_layout = Layout::col_major});
        const HostSddmmPlan plan = plan_sddmm(a.view(), a.crow_indices, a.col_indices, problem, h200, "");
        EXPECT_NEAR(1e6 * plan.predicted_seconds / measured, 1.0, 0.05) << "blocks of " << block;
    }
}

/// Every step of every tile once, in streams that are about equally long.
TEST(SddmmSchedule, CoversEveryTile) {
    for (const std::int64_t tiles : {0, 1, 7, 131, 132, 133, 466, 1000}) {
        for (const std::int64_t steps : {1, 9, 17, 128}) {
            SCOPED_TRACE(::testing::Message() << tiles << " tiles of " << steps << " steps");
            const Schedule schedule = make_sddmm_schedule(tiles, steps, 132, 0.75e-6, 1.3e-6);
            ASSERT_EQ(schedule.offsets.size(), 133U);
            ASSERT_EQ(schedule.offsets.back(), static_cast<int>(schedule.items.size()));
            std::vector<std::int64_t> done(static_cast<std::size_t>(tiles), 0);
            std::set<int> slots;
            for (const WorkItem& item : schedule.items) {
                if (item.part < 0) {
                    done[static_cast<std::size_t>(item.tile_row)] += steps;
                    continue;
                }
                const TilePart& part = schedule.parts[static_cast<std::size_t>(item.part)];
                EXPECT_LT(part.begin, part.end);
                EXPECT_EQ(part.slot, item.part);
                EXPECT_EQ(part.slot, schedule.parts[part.slot - part.index].slot + part.index);
                EXPECT_LT(part.tile, schedule.split_tiles);
                EXPECT_TRUE(slots.insert(part.slot).second);
                done[static_cast<std::size_t>(item.tile_row)] += part.end - part.begin;
            }
            for (const std::int64_t tile : done) {
                EXPECT_EQ(tile, steps);
            }
        }
    }
}

TEST(SddmmSchedule, SplitsWhereThatSavesMoreThanItCosts) {
    const double round = 128 * 0.75e-6 + 1.3e-6;
    // 466 tiles on 132 streams are 3.53 rounds; parts cost about what the fourth would save.
    EXPECT_EQ(make_sddmm_schedule(466, 128, 132, 0.75e-6, 1.3e-6).split_tiles, 0);
    const Schedule few = make_sddmm_schedule(30, 128, 132, 0.75e-6, 1.3e-6);
    EXPECT_EQ(few.split_tiles, 30);
    EXPECT_LT(few.makespan, 0.6 * round);
}

}  // namespace
}  // namespace bsk::test
