// Products on a device that is not the current one, and operands that are on the wrong one.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <bsk/error.h>
#include <bsk/sddmm.h>

#include "battery/sampled_problem.h"
#include "device_problem.h"

namespace bsk::test {
namespace {

void expect_current_device_0() {
    int current = -1;
    check_cuda(cudaGetDevice(&current), "cudaGetDevice");
    EXPECT_EQ(current, 0);
}

void synchronize_device_1() {
    const DeviceGuard guard(1);
    check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
}

class TwoDevices : public NeedsCuda<::testing::TestWithParam<std::string>, 2> {
protected:
    static Problem make() { return make_problem(battery_case(GetParam())); }
};

INSTANTIATE_TEST_SUITE_P(, TwoDevices,
                         ::testing::Values("several_tiles", "alpha_beta_block_16", "alpha_beta_f32"),
                         [](const auto& info) { return info.param; });

TEST_P(TwoDevices, ComputeOnTheOneThatIsNotCurrent) {
    for (const bool transposed : {false, true}) {
        SCOPED_TRACE(transposed);
        const DeviceProblem problem(transposed ? with_transposed_storage(make()) : make(), 1);
        const Plan plan = problem.plan();
        EXPECT_EQ(plan.device(), (Device{DeviceType::cuda, 1}));
        problem.launch(plan, nullptr);
        expect_current_device_0();
        synchronize_device_1();
        EXPECT_TRUE(problem.check(plan));
    }
}

TEST_P(TwoDevices, SampleOnTheOneThatIsNotCurrent) {
    const SampledProblem problem =
        make_sampled_problem(battery_case(GetParam()), Layout::row_major, Layout::row_major);
    const auto on_device_1 = [](const std::vector<std::byte>& bytes) {
        const DeviceGuard guard(1);
        return DeviceBuffer(bytes.data(), bytes.size());
    };
    const DeviceBuffer d1 = on_device_1(problem.d1);
    const DeviceBuffer d2 = on_device_1(problem.d2);
    const DeviceBuffer values = on_device_1(problem.values);
    const Device device{DeviceType::cuda, 1};
    const SddmmPlan plan = make_sddmm_plan(problem.a.view(), problem.dense_side(), device);
    EXPECT_EQ(plan.device(), device);
    problem.launch(plan, {d1.as<void>(), d2.as<void>(), values.as<void>(), device}, nullptr);
    expect_current_device_0();
    synchronize_device_1();
    std::vector<std::byte> after(values.bytes());
    check_cuda(cudaMemcpy(after.data(), values.as<void>(), after.size(), cudaMemcpyDeviceToHost),
               "cudaMemcpy");
    EXPECT_TRUE(problem.check(after)) << plan.explain();
}

TEST_P(TwoDevices, AreNotMixed) {
    const DeviceProblem here(make(), 0);
    const DeviceProblem there(make(), 1);
    const Plan plan = here.plan();
    const auto refuses = [&](const BsrView& a, const ConstMatrixView& b, const MatrixView& c) {
        try {
            spmm(plan, a, b, c, here.problem().spec.alpha, here.problem().spec.beta);
            return ::testing::AssertionFailure() << "nothing was thrown";
        } catch (const Error& error) {
            return error.code() == ErrorCode::device_mismatch ? ::testing::AssertionSuccess()
                                                              : ::testing::AssertionFailure() << error.what();
        }
    };
    // By what the views say of themselves.
    EXPECT_TRUE(refuses(there.a(), here.b(), here.c()));
    EXPECT_TRUE(refuses(here.a(), there.b(), here.c()));
    EXPECT_TRUE(refuses(here.a(), here.b(), there.c()));
    // By where the pointers are, whatever the views say.
    BsrView a = here.a();
    ConstMatrixView b = here.b();
    MatrixView c = here.c();
    a.values = there.a().values;
    b.data = there.b().data;
    c.data = there.c().data;
    EXPECT_TRUE(refuses(a, here.b(), here.c()));
    EXPECT_TRUE(refuses(here.a(), b, here.c()));
    EXPECT_TRUE(refuses(here.a(), here.b(), c));
    EXPECT_TRUE(here.download_c() == here.problem().c);
    EXPECT_TRUE(there.download_c() == there.problem().c);
}

}  // namespace
}  // namespace bsk::test
