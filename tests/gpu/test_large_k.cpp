// Products whose strip of B takes most of L2: the Hopper kernels mark lines of A and C there.
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <Eigen/Core>

#include <bsk/bsr.h>
#include <bsk/device.h>
#include <bsk/plan.h>
#include <bsk/spmm.h>

#include "api/plan_state.h"
#include "device_problem.h"

namespace bsk::test {
namespace {

constexpr std::int64_t kM = 512;
constexpr std::int64_t kK = 56320;  // 256 columns of B are 27.5 MiB
constexpr std::int64_t kN = 520;

class LargeK : public NeedsCuda<::testing::TestWithParam<int>> {};

INSTANTIATE_TEST_SUITE_P(Block, LargeK, ::testing::Values(128, 64));

TEST_P(LargeK, GivesWhatMmaSyncGives) {
    const int block = GetParam();
    const BsrMatrix matrix =
        generate({.m = kM, .k = kK, .block_m = block, .block_k = block, .density = 0.97});
    const std::vector<std::byte> dense = generate_dense(kK * kN, DType::f16, 1, 2);
    const DeviceBuffer crow(matrix.crow_indices.data(), matrix.crow_indices.size() * sizeof(std::int32_t));
    const DeviceBuffer cols(matrix.col_indices.data(), matrix.col_indices.size() * sizeof(std::int32_t));
    const DeviceBuffer values(matrix.values.data(), matrix.values.size());
    const DeviceBuffer b(dense.data(), dense.size());
    const Device device{DeviceType::cuda, 0};
    BsrView a = matrix.view();
    a.crow_indices = crow.as<void>();
    a.col_indices = cols.as<void>();
    a.values = values.as<void>();
    a.device = device;
    const auto product_by = [&](const std::string& kernel) {
        const Plan plan = make_plan(a, {.n = kN}, device, {.kernel = kernel});
        EXPECT_EQ(plan.state().launch.keeps_b_in_l2, kernel != "spmm_sm80") << plan.explain();
        std::vector<Eigen::half> c(kM * kN);
        const DeviceBuffer device_c(c.size() * sizeof(Eigen::half));
        spmm(plan, a, {b.as<void>(), DType::f16, kK, kN, Layout::row_major, kN, device},
             {device_c.as<void>(), DType::f16, kM, kN, Layout::row_major, kN, device});
        check_cuda(
            cudaMemcpy(c.data(), device_c.as<void>(), c.size() * sizeof(Eigen::half), cudaMemcpyDeviceToHost),
            "cudaMemcpy");
        return c;
    };
    const std::string hopper = block == 128 ? "spmm_sm90" : "spmm_sm90_pairs";
    for (const KernelSupport& support : kernel_support(device_model(device))) {
        if (support.kernel == hopper && !support.runs) {
            GTEST_SKIP() << hopper << " needs " << support.needs;
        }
    }
    const std::vector<Eigen::half> c = product_by(hopper);
    const std::vector<Eigen::half> expected = product_by("spmm_sm80");
    double error = 0;
    double norm = 0;
    for (std::size_t i = 0; i < c.size(); ++i) {
        error += std::pow(static_cast<double>(c[i]) - static_cast<double>(expected[i]), 2);
        norm += std::pow(static_cast<double>(expected[i]), 2);
    }
    EXPECT_GT(norm, 0);
    EXPECT_LE(std::sqrt(error / norm), 5e-4);  // each rounds to fp16: 2.1e-4
}

}  // namespace
}  // namespace bsk::test
