// The sampled product on a CUDA device: the battery, by every kernel that computes the case and in all layouts.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <bsk/error.h>
#include <bsk/sddmm.h>

#include "battery/sampled_problem.h"
#include "device_problem.h"

namespace bsk::test {
namespace {

constexpr Layout kLayouts[]{Layout::row_major, Layout::col_major};

/// Copies of a sampled problem's arrays on device 0.
class DeviceSampledProblem {
public:
    explicit DeviceSampledProblem(SampledProblem problem)
        : problem_(std::move(problem)),
          d1_(problem_.d1.data(), problem_.d1.size()),
          d2_(problem_.d2.data(), problem_.d2.size()),
          values_(problem_.values.size()) {}

    /// Nothing where that kernel does not compute the case; the planner's own choice always does.
    [[nodiscard]] std::optional<SddmmPlan> plan(const std::string& kernel) const {
        try {
            return make_sddmm_plan(problem_.a.view(), problem_.dense_side(), kDevice, kernel);
        } catch (const Error& error) {
            if (kernel.empty() || error.code() != ErrorCode::unsupported) {
                throw;
            }
            return std::nullopt;
        }
    }

    /// The values after a product, with their guards.
    [[nodiscard]] std::vector<std::byte> run(const SddmmPlan& plan) const {
        const TestStream stream;
        restore_values();
        launch(plan, stream.get());
        stream.synchronize();
        return download_values();
    }

    void launch(const SddmmPlan& plan, cudaStream_t stream) const {
        problem_.launch(plan, {d1_.as<void>(), d2_.as<void>(), values_.as<void>(), kDevice}, stream);
    }

    /// Puts the values back to what they were before a product.
    void restore_values() const {
        check_cuda(
            cudaMemcpy(values_.as<void>(), problem_.values.data(), values_.bytes(), cudaMemcpyHostToDevice),
            "cudaMemcpy");
        check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    }

    [[nodiscard]] std::vector<std::byte> download_values() const {
        std::vector<std::byte> after(values_.bytes());
        check_cuda(cudaMemcpy(after.data(), values_.as<void>(), after.size(), cudaMemcpyDeviceToHost),
                   "cudaMemcpy");
        return after;
    }

    [[nodiscard]] const SampledProblem& problem() const { return problem_; }

private:
    static constexpr Device kDevice{DeviceType::cuda, 0};
    SampledProblem problem_;
    DeviceBuffer d1_;
    DeviceBuffer d2_;
    DeviceBuffer values_;
};

void check_every_kernel(const SampledProblem& operands) {
    const DeviceSampledProblem problem(operands);
    for (const char* kernel : {"", "sddmm_sm90", "sddmm_sm80", "sddmm_simt"}) {
        SCOPED_TRACE(::testing::Message()
                     << name(operands.d1_layout) << ", " << name(operands.d2_layout) << ", " << kernel);
        if (const std::optional<SddmmPlan> plan = problem.plan(kernel)) {
            const std::vector<std::byte> first = problem.run(*plan);
            EXPECT_TRUE(problem.problem().check(first)) << plan->explain();
            EXPECT_TRUE(problem.run(*plan) == first) << "another run gave other bits";
        }
    }
}

class SddmmCuda : public NeedsCuda<::testing::TestWithParam<Case>> {};

TEST_P(SddmmCuda, MatchesOracle) {
    const SampledProblem drawn = make_sampled_problem(GetParam(), Layout::row_major, Layout::row_major);
    for (const Layout d1 : kLayouts) {
        for (const Layout d2 : kLayouts) {
            check_every_kernel(with_layouts(drawn, d1, d2));
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Battery, SddmmCuda, ::testing::ValuesIn(sampled_battery(false)),
                         [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(Sanitize, SddmmCuda, ::testing::ValuesIn(battery_where([](const Case& c) {
                             return c.sanitize && c.batch == 1 && !c.special_values;
                         })),
                         [](const auto& info) { return info.param.name; });

/// Long sums, so that tiles are split along n and their parts added.
class SddmmCudaSplit : public NeedsCuda<::testing::TestWithParam<int>> {};

TEST_P(SddmmCudaSplit, MatchesOracle) {
    Case spec = battery_case("pattern_uniform");
    spec.n = 1096;
    for (const int block_k : {32, 64, 128, 256}) {
        for (const DType values_dtype : {DType::f16, DType::f32}) {
            spec.block_m = GetParam();
            spec.block_k = block_k;
            spec.c_dtype = values_dtype;
            spec.beta = values_dtype == DType::f32 ? 0.5F : 0.0F;
            check_every_kernel(make_sampled_problem(spec, Layout::col_major, Layout::row_major));
        }
    }
}

INSTANTIATE_TEST_SUITE_P(BlockRows, SddmmCudaSplit, ::testing::Values(32, 64, 128, 256));

/// Blocks of 32, of which the last row and column are ragged, in block rows that are mostly empty, full, and in between; few
/// columns make tiles that are not filled.
class SddmmCudaSmallUnits : public NeedsCuda<::testing::TestWithParam<double>> {};

TEST_P(SddmmCudaSmallUnits, MatchesOracle) {
    for (const auto& [m, k] : {std::pair{2056, 328}, {488, 40}}) {
        for (const DType dtype : {DType::f16, DType::bf16}) {
            for (const bool to_f32 : {false, true}) {
                Case spec = battery_case("pattern_uniform_block_32");
                spec.m = m;
                spec.k = k;
                spec.n = 200;
                spec.density = GetParam();
                spec.dtype = dtype;
                spec.c_dtype = to_f32 ? DType::f32 : dtype;
                spec.alpha = 0.5F;
                spec.beta = to_f32 ? 0.0F : 0.75F;
                const SampledProblem drawn = make_sampled_problem(spec, Layout::row_major, Layout::row_major);
                for (const Layout d1 : kLayouts) {
                    for (const Layout d2 : kLayouts) {
                        check_every_kernel(with_layouts(drawn, d1, d2));
                    }
                }
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Densities, SddmmCudaSmallUnits, ::testing::Values(0.01, 0.3, 1.0));

class SddmmCudaContract : public NeedsCuda<::testing::Test> {};

/// A graph that holds the room for partial sums, and one that needs none.
TEST_F(SddmmCudaContract, ReplaysInAGraph) {
    for (const std::int64_t n : {64, 1096}) {
        Case spec = battery_case("pattern_uniform");
        spec.n = n;
        const DeviceSampledProblem problem(make_sampled_problem(spec, Layout::col_major, Layout::row_major));
        const std::optional<SddmmPlan> plan = problem.plan("");
        const TestStream stream;
        cudaGraph_t graph = nullptr;
        cudaGraphExec_t executable = nullptr;
        problem.restore_values();
        check_cuda(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeGlobal),
                   "cudaStreamBeginCapture");
        problem.launch(*plan, stream.get());
        check_cuda(cudaStreamEndCapture(stream.get(), &graph), "cudaStreamEndCapture");
        check_cuda(cudaGraphInstantiate(&executable, graph, 0), "cudaGraphInstantiate");
        EXPECT_TRUE(problem.download_values() == problem.problem().values) << "it ran while it was captured";
        for (int replay = 0; replay < 2; ++replay) {
            problem.restore_values();
            check_cuda(cudaGraphLaunch(executable, stream.get()), "cudaGraphLaunch");
            stream.synchronize();
            EXPECT_TRUE(problem.problem().check(problem.download_values()));
        }
        cudaGraphExecDestroy(executable);
        cudaGraphDestroy(graph);
    }
}

TEST_F(SddmmCudaContract, ZerosThePaddingOfRaggedBlocks) {
    for (const DType dtype : {DType::f16, DType::f32}) {
        Case spec = battery_case("full_matrix");
        spec.m = spec.k = 40;
        spec.block_m = spec.block_k = 256;
        spec.dtype = spec.c_dtype = dtype;
        check_every_kernel(make_sampled_problem(spec, Layout::row_major, Layout::col_major));
    }
}

TEST_F(SddmmCudaContract, RefusesHostMemory) {
    SampledProblem problem =
        make_sampled_problem(battery_case("pattern_uniform"), Layout::row_major, Layout::row_major);
    const DeviceSampledProblem on_device(problem);
    const std::optional<SddmmPlan> plan = on_device.plan("");
    SampledAddresses at = problem.host_addresses();
    at.device = plan->device();
    EXPECT_THROW(problem.launch(*plan, at, nullptr), Error);
}

}  // namespace
}  // namespace bsk::test
