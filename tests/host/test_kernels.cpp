#include <map>
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

TEST(DeviceModel, RefusesUnknownNamesAndMissingDevices) {
    EXPECT_THROW((void)device_model_by_name("h300"), Error);
    EXPECT_THROW((void)device_model({DeviceType::cuda, 1000}), Error);
    EXPECT_THROW((void)device_model({DeviceType::cpu, 1}), Error);
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
