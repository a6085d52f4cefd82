// Products on a device that is not the current one, and operands that are on the wrong one.
#include <string>

#include <gtest/gtest.h>

#include <bsk/error.h>

#include "device_problem.h"

namespace bsk::test {
namespace {

class TwoDevices : public NeedsCuda<::testing::TestWithParam<std::string>, 2> {
protected:
    static Problem make() { return make_problem(battery_case(GetParam())); }
};

INSTANTIATE_TEST_SUITE_P(, TwoDevices,
                         ::testing::Values("several_tiles", "alpha_beta_block_16", "alpha_beta_f32"),
                         [](const auto& info) { return info.param; });

TEST_P(TwoDevices, ComputeOnTheOneThatIsNotCurrent) {
    const DeviceProblem problem(make(), 1);
    const Plan plan = problem.plan();
    EXPECT_EQ(plan.device(), (Device{DeviceType::cuda, 1}));
    problem.launch(plan, nullptr);
    int current = -1;
    check_cuda(cudaGetDevice(&current), "cudaGetDevice");
    EXPECT_EQ(current, 0);
    {
        const DeviceGuard guard(1);
        check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    }
    EXPECT_TRUE(problem.check(plan));
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
