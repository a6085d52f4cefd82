#include <string>

#include <gtest/gtest.h>

#include <bsk/bsr.h>
#include <bsk/device.h>
#include <bsk/error.h>
#include <bsk/plan.h>

#include "host/plan_support.h"
#include "plan/device_models.h"
#include "plan/kernels.h"
#include "plan/planner.h"

namespace bsk {
namespace {

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

}  // namespace
}  // namespace bsk
