// What spmm promises besides right numbers: CUDA graphs, no allocation, no synchronisation, the same bits
// each time, plans that serve other values and other streams.
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/cublas.h"
#include "device_problem.h"

namespace bsk::test {
namespace {

struct CaseAndKernel {
    std::string name;    ///< of the case
    std::string kernel;  ///< empty: the planner's choice
    bool transposed = false;
};

/// On cases that take different kernels: TMA and wgmma on Hopper, mma.sync, the fp32 kernel, and cuBLAS.
class Contract : public NeedsCuda<::testing::TestWithParam<CaseAndKernel>> {
protected:
    void SetUp() override {
        NeedsCuda::SetUp();
        if (IsSkipped()) {
            return;
        }
        if (const std::string reason = why_no_cublas();
            GetParam().kernel == "dense_cublas" && !reason.empty()) {
            GTEST_SKIP() << reason;
        }
        for (const KernelSupport& support : kernel_support(device_model({DeviceType::cuda, 0}))) {
            if (support.kernel == GetParam().kernel && !support.runs) {
                GTEST_SKIP() << support.kernel << " needs " << support.needs;
            }
        }
    }
    static Problem make() {
        const Problem problem = make_problem(battery_case(GetParam().name));
        return GetParam().transposed ? with_transposed_storage(problem) : problem;
    }
    static Plan plan_of(const DeviceProblem& problem) { return problem.plan(GetParam().kernel); }
};

INSTANTIATE_TEST_SUITE_P(
    , Contract,
    ::testing::Values(CaseAndKernel{"several_tiles", ""}, CaseAndKernel{"several_tiles_linear_block_128", ""},
                      CaseAndKernel{"f16_b_row_major_c_row_major_block_32", ""}, CaseAndKernel{"n_65", ""},
                      CaseAndKernel{"alpha_beta_f32", ""}, CaseAndKernel{"one_long_row", ""},
                      CaseAndKernel{"several_tiles", "dense_cublas"},
                      CaseAndKernel{"several_tiles_linear_block_128", "dense_cublas"},
                      CaseAndKernel{"n_65", "dense_cublas"},
                      CaseAndKernel{"several_tiles_linear_block_128", "", true},
                      CaseAndKernel{"several_tiles", "spmm_sm90_pairs"},
                      CaseAndKernel{"several_tiles", "spmm_sm90_pairs", true},
                      CaseAndKernel{"f16_b_row_major_c_row_major_block_32", "", true},
                      CaseAndKernel{"alpha_beta_f32", "", true}, CaseAndKernel{"n_65", "dense_cublas", true}),
    [](const auto& info) {
        return info.param.name + (info.param.kernel.empty() ? "" : "_by_" + info.param.kernel) +
               (info.param.transposed ? "_transposed" : "");
    });

TEST_P(Contract, ReplaysInAGraph) {
    const Problem first = make();
    const Problem second = with_new_values(first, 77);
    DeviceProblem problem(first);
    const Plan plan = plan_of(problem);
    const TestStream stream;
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    check_cuda(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeGlobal), "cudaStreamBeginCapture");
    problem.launch(plan, stream.get());
    check_cuda(cudaStreamEndCapture(stream.get(), &graph), "cudaStreamEndCapture");
    check_cuda(cudaGraphInstantiate(&executable, graph, 0), "cudaGraphInstantiate");
    EXPECT_TRUE(problem.download_c() == first.c) << "the product ran while it was captured";
    for (const Problem* values : {&first, &second}) {
        problem.upload(*values);
        check_cuda(cudaGraphLaunch(executable, stream.get()), "cudaGraphLaunch");
        stream.synchronize();
        EXPECT_TRUE(problem.check(plan));
    }
    cudaGraphExecDestroy(executable);
    cudaGraphDestroy(graph);
}

TEST_P(Contract, AllocatesNothing) {
    const DeviceProblem problem(make());
    const Plan plan = plan_of(problem);
    const TestStream stream;
    problem.launch(plan, stream.get());  // the driver loads a kernel's code at its first launch
    stream.synchronize();
    std::size_t before = 0;
    std::size_t after = 0;
    std::size_t total = 0;
    check_cuda(cudaMemGetInfo(&before, &total), "cudaMemGetInfo");
    for (int i = 0; i < 50; ++i) {
        problem.launch(plan, stream.get());
    }
    check_cuda(cudaMemGetInfo(&after, &total), "cudaMemGetInfo");
    stream.synchronize();
    EXPECT_EQ(before, after);
}

/// Holds a stream back until it is released, or for ten seconds.
struct Gate {
    std::atomic<bool> open = false;
    std::atomic<bool> timed_out = false;

    static void CUDART_CB wait(void* self) {
        auto& gate = *static_cast<Gate*>(self);
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!gate.open) {
            if (std::chrono::steady_clock::now() > deadline) {
                gate.timed_out = true;
                return;
            }
            std::this_thread::yield();
        }
    }
};

TEST_P(Contract, DoesNotWaitForItsStream) {
    DeviceProblem problem(make());
    const Plan plan = plan_of(problem);
    const TestStream stream;
    problem.launch(plan, stream.get());
    stream.synchronize();
    problem.restore_c();
    Gate gate;
    check_cuda(cudaLaunchHostFunc(stream.get(), Gate::wait, &gate), "cudaLaunchHostFunc");
    problem.launch(plan, stream.get());
    EXPECT_EQ(cudaStreamQuery(stream.get()), cudaErrorNotReady);
    gate.open = true;
    stream.synchronize();
    EXPECT_FALSE(gate.timed_out);
    EXPECT_TRUE(problem.check(plan));
}

TEST_P(Contract, GivesTheSameBitsEachTime) {
    DeviceProblem problem(make());
    const Plan plan = plan_of(problem);
    const TestStream stream;
    std::vector<std::byte> first;
    for (int i = 0; i < 10; ++i) {
        problem.restore_c();
        problem.launch(plan, stream.get());
        stream.synchronize();
        const std::vector<std::byte> c = problem.download_c();
        if (i == 0) {
            EXPECT_TRUE(problem.check(plan));
            first = c;
        }
        EXPECT_TRUE(c == first) << "run " << i;
    }
}

TEST_P(Contract, ServesNewValuesOfThePattern) {
    DeviceProblem problem(make());
    const Plan plan = plan_of(problem);
    const TestStream stream;
    problem.upload(with_new_values(problem.problem(), 5));
    problem.launch(plan, stream.get());
    stream.synchronize();
    EXPECT_TRUE(problem.check(plan));
}

TEST_P(Contract, RunsOnTheDefaultStream) {
    const DeviceProblem problem(make());
    const Plan plan = plan_of(problem);
    problem.launch(plan, nullptr);
    EXPECT_TRUE(problem.check(plan));  // its copies wait for the default stream
}

TEST_P(Contract, PlansFromIndicesOnTheHost) {
    const DeviceProblem problem(make());
    Problem host = problem.problem();
    const Plan plan = make_plan(host.a_view(host.host_addresses()), host.dense_side(), {DeviceType::cuda, 0},
                                {.kernel = GetParam().kernel});
    problem.launch(plan, nullptr);
    EXPECT_TRUE(problem.check(plan));
}

class TwoStreams : public NeedsCuda<::testing::Test> {};

TEST_F(TwoStreams, RunTwoPlansAtOnce) {
    const DeviceProblem one(make_problem(battery_case("several_tiles")));
    const DeviceProblem two(make_problem(battery_case("f16_b_row_major_c_row_major_block_32")));
    const Plan plan_one = one.plan();
    const Plan plan_two = two.plan();
    const TestStream stream_one;
    const TestStream stream_two;
    for (int i = 0; i < 50; ++i) {
        one.launch(plan_one, stream_one.get());
        two.launch(plan_two, stream_two.get());
    }
    stream_one.synchronize();
    stream_two.synchronize();
    EXPECT_TRUE(one.check(plan_one));
    EXPECT_TRUE(two.check(plan_two));
}

TEST_F(TwoStreams, RunOnePlanAtOnce) {
    const DeviceProblem one(make_problem(battery_case("several_tiles")));
    const DeviceProblem two(with_new_values(one.problem(), 3));
    const Plan plan = one.plan();
    const TestStream stream_one;
    const TestStream stream_two;
    for (int i = 0; i < 50; ++i) {
        one.launch(plan, stream_one.get());
        two.launch(plan, stream_two.get());
    }
    stream_one.synchronize();
    stream_two.synchronize();
    EXPECT_TRUE(one.check(plan));
    EXPECT_TRUE(two.check(plan));
}

}  // namespace
}  // namespace bsk::test
