// Values packed once, the policy that allows cuBLAS, and cuBLAS from several threads and streams.
#include <cmath>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <Eigen/Core>

#include <bsk/error.h>
#include <bsk/packed.h>

#include "base/cublas.h"
#include "device_problem.h"

namespace bsk::test {
namespace {

constexpr Device kDevice{DeviceType::cuda, 0};

class Packed : public NeedsCuda<::testing::Test> {
protected:
    void SetUp() override {
        NeedsCuda::SetUp();
        if (const std::string reason = why_no_cublas(); !reason.empty()) {
            GTEST_SKIP() << reason;
        }
    }
};

Problem problem_with(const std::string& name, std::int64_t n) {
    Case spec = battery_case(name);
    spec.n = n;
    return make_problem(spec);
}

void multiply(const DeviceProblem& problem, const Plan& plan, const PackedValues& packed, Stream stream) {
    spmm(plan, packed, problem.b(), problem.c(), problem.problem().spec.alpha, problem.problem().spec.beta,
         stream);
}

ErrorCode code_of(const DeviceProblem& problem, const Plan& plan, const PackedValues& packed) {
    try {
        multiply(problem, plan, packed, nullptr);
    } catch (const Error& error) {
        return error.code();
    }
    return ErrorCode::internal;
}

TEST_F(Packed, ServesPlansOfOnePatternForEveryN) {
    const DeviceProblem one(problem_with("several_tiles", 512));
    const DeviceProblem two(problem_with("several_tiles", 8));
    const Plan plan = one.plan("dense_cublas");
    EXPECT_GT(plan.packed_bytes(), 0);
    const PackedValues packed = pack_values(plan, one.a());
    EXPECT_EQ(packed.memory_bytes(), plan.packed_bytes());
    multiply(one, plan, packed, nullptr);
    const Plan plan_two = two.plan("dense_cublas");
    multiply(two, plan_two, packed, nullptr);
    check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    EXPECT_TRUE(one.check(plan));
    EXPECT_TRUE(two.check(plan_two));
}

TEST_F(Packed, HoldsWhatTheValuesWere) {
    DeviceProblem problem(make_problem(battery_case("several_tiles")));
    const Problem before = problem.problem();
    const Plan plan = problem.plan("dense_cublas");
    const PackedValues packed = pack_values(plan, problem.a());
    check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    problem.upload(with_new_values(before, 9));
    multiply(problem, plan, packed, nullptr);
    check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    EXPECT_FALSE(problem.check(plan));
    problem.upload(before);
    multiply(problem, plan, packed, nullptr);
    check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    EXPECT_TRUE(problem.check(plan));
}

TEST_F(Packed, RefersToTheValuesWhereTheKernelReadsThemAsTheyAre) {
    DeviceProblem problem(make_problem(battery_case("several_tiles")));
    const Plan plan = problem.plan("spmm_sm80");
    EXPECT_EQ(plan.packed_bytes(), 0);
    const PackedValues packed = pack_values(plan, problem.a());
    EXPECT_EQ(packed.memory_bytes(), 0);
    problem.upload(with_new_values(problem.problem(), 9));
    multiply(problem, plan, packed, nullptr);
    check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    EXPECT_TRUE(problem.check(plan));
}

TEST_F(Packed, IsRefusedByOtherKernelsAndPatterns) {
    const DeviceProblem problem(make_problem(battery_case("several_tiles")));
    Case spec = problem.problem().spec;
    spec.seed += 1;
    const DeviceProblem other(make_problem(spec));
    const PackedValues packed = pack_values(problem.plan("dense_cublas"), problem.a());
    EXPECT_EQ(code_of(problem, problem.plan("spmm_sm80"), packed), ErrorCode::invalid_argument);
    EXPECT_EQ(code_of(other, other.plan("dense_cublas"), packed), ErrorCode::invalid_argument);
}

TEST_F(Packed, HoldsTransposedValues) {
    const DeviceProblem problem(
        with_transposed_storage(make_problem(battery_case("f16_b_row_major_c_row_major_block_32"))));
    const Plan plan = problem.plan("spmm_sm80");
    EXPECT_EQ(plan.packed_bytes(), static_cast<std::int64_t>(problem.problem().a.values.size()));
    const PackedValues packed = pack_values(plan, problem.a());
    EXPECT_EQ(packed.memory_bytes(), plan.packed_bytes());
    multiply(problem, plan, packed, nullptr);
    check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    EXPECT_TRUE(problem.check(plan));
}

TEST_F(Packed, OfASymmetricPatternAreRefusedByThePlanOfTheTranspose) {
    Case spec = battery_case("full_matrix");
    spec.m = spec.k = 256;
    const DeviceProblem problem(make_problem(spec));
    const DeviceProblem transposed(with_transposed_storage(problem.problem()));
    const PackedValues packed = pack_values(problem.plan("spmm_sm80"), problem.a());
    EXPECT_EQ(code_of(transposed, transposed.plan("spmm_sm80"), packed), ErrorCode::invalid_argument);
}

TEST_F(Packed, PolicyAutoTakesCublasForFullMatricesOnly) {
    const auto kernel = [](double density, Policy policy) {
        Case spec = battery_case("several_tiles");
        spec.m = spec.k = 4096;
        spec.block_m = spec.block_k = 16;
        spec.density = density;
        const BsrMatrix a =
            generate({.m = spec.m, .k = spec.k, .block_m = 16, .block_k = 16, .density = density});
        return make_plan(a.view(), {.n = 4096}, kDevice,
                         {.kernel = "", .policy = policy, .packed_values = true})
            .kernel();
    };
    EXPECT_EQ(kernel(1.0, Policy::automatic), "dense_cublas");
    EXPECT_NE(kernel(0.02, Policy::automatic), "dense_cublas");
    EXPECT_NE(kernel(1.0, Policy::sparse), "dense_cublas");
}

TEST_F(Packed, EpiloguesFollowCublas) {
    DeviceProblem problem(make_problem(battery_case("several_tiles")));
    const Case& spec = problem.problem().spec;
    const MatrixView c = problem.c();
    std::vector<std::byte> bias_host = generate_dense(spec.m, spec.c_dtype, 4, 5);
    const DeviceBuffer bias(bias_host.data(), bias_host.size());
    const DeviceBuffer residual(static_cast<std::size_t>((c.layout == Layout::row_major ? c.rows : c.cols) *
                                                         c.ld * size_of(c.dtype)));
    check_cuda(cudaMemset(residual.as<void>(), 0x2c, residual.bytes()), "cudaMemset");  // 0.0652 in fp16
    Epilogue epilogue;
    epilogue.activation = Activation::gelu_tanh;
    epilogue.bias = bias.as<void>();
    epilogue.residual = {residual.as<void>(), c.dtype, c.rows, c.cols, c.layout, c.ld, c.device};
    std::vector<std::vector<std::byte>> results;
    for (const char* kernel : {"spmm_sm80", "dense_cublas"}) {
        problem.restore_c();
        spmm(problem.plan(kernel), problem.a(), problem.b(), c, 0.05F, 0.5F, nullptr, epilogue);
        check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
        results.push_back(problem.download_c());
    }
    ASSERT_EQ(c.dtype, DType::f16);
    const auto* one = reinterpret_cast<const Eigen::half*>(results[0].data());
    const auto* two = reinterpret_cast<const Eigen::half*>(results[1].data());
    for (std::size_t i = 0; i < results[0].size() / 2; ++i) {
        const auto expected = static_cast<float>(one[i]);
        if (results[0][2 * i] != results[1][2 * i] || results[0][2 * i + 1] != results[1][2 * i + 1]) {
            // Summed in another order, then rounded to fp16.
            ASSERT_NEAR(static_cast<float>(two[i]), expected, 1e-3 * std::abs(expected) + 1e-5) << i;
        }
    }
}

TEST_F(Packed, CublasServesThreadsAndStreamsAtOnce) {
    constexpr int kThreads = 4;
    const Problem first = make_problem(battery_case("several_tiles"));
    std::vector<DeviceProblem> problems;
    for (int i = 0; i < kThreads; ++i) {
        problems.emplace_back(with_new_values(first, static_cast<std::uint64_t>(20 + i)));
    }
    const Plan plan = problems[0].plan("dense_cublas");
    std::vector<std::thread> threads;
    for (const DeviceProblem& problem : problems) {
        threads.emplace_back([&] {
            const TestStream stream;
            for (int i = 0; i < 50; ++i) {
                problem.launch(plan, stream.get());
            }
            stream.synchronize();
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    for (const DeviceProblem& problem : problems) {
        EXPECT_TRUE(problem.check(plan));
    }
}

}  // namespace
}  // namespace bsk::test
