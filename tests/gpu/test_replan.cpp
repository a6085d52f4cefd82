// Dynamic plans: a pattern replaced on the device gives what a plan made from it gives.
#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <bsk/error.h>

#include "api/plan_state.h"
#include "device_problem.h"
#include "plan/schedule.h"

namespace bsk::test {
namespace {

Plan dynamic_plan(const DeviceProblem& problem, const std::string& kernel = "") {
    return make_plan(problem.a(), problem.problem().dense_side(), {DeviceType::cuda, 0},
                     {.kernel = kernel, .dynamic = true});
}

Problem with_seed(Case spec, std::uint64_t seed) {
    spec.seed = seed;
    return make_problem(spec);
}

template <class T>
std::vector<T> download(const T* data, std::size_t count) {
    std::vector<T> copy(count);
    check_cuda(cudaMemcpy(copy.data(), data, count * sizeof(T), cudaMemcpyDeviceToHost), "cudaMemcpy");
    return copy;
}

class Replan : public NeedsCuda<::testing::TestWithParam<std::string>> {
protected:
    static Case spec() { return battery_case(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(, Replan,
                         ::testing::Values("several_tiles", "several_tiles_linear_block_128",
                                           "several_tiles_power_law_bf16", "pattern_uniform_block_32",
                                           "pattern_power_law_block_32", "large_block_16", "large_block_32",
                                           "block_32x128", "block_16x256", "block_32x16",
                                           "many_tiles_of_one_chunk_block_32", "n_65", "alpha_beta_f32"),
                         [](const auto& info) { return info.param; });

TEST_P(Replan, GivesTheBitsOfAPlanMadeFromTheNewPattern) {
    DeviceProblem problem(with_seed(spec(), 1));
    const Plan plan = dynamic_plan(problem);
    const TestStream stream;
    for (const std::uint64_t seed : {2, 3}) {
        problem.upload(with_seed(spec(), seed));
        replan(plan, problem.a(), stream.get());
        problem.launch(plan, stream.get());
        stream.synchronize();
        EXPECT_TRUE(problem.check(plan)) << plan.explain();
        const std::vector<std::byte> replanned = problem.download_c();
        problem.restore_c();
        problem.launch(problem.plan(plan.kernel()), stream.get());
        stream.synchronize();
        EXPECT_TRUE(replanned == problem.download_c());
    }
}

TEST_P(Replan, IsCapturedWithItsProduct) {
    DeviceProblem problem(with_seed(spec(), 1));
    const Plan plan = dynamic_plan(problem);
    const TestStream stream;
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    check_cuda(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeGlobal), "cudaStreamBeginCapture");
    replan(plan, problem.a(), stream.get());
    problem.launch(plan, stream.get());
    check_cuda(cudaStreamEndCapture(stream.get(), &graph), "cudaStreamEndCapture");
    check_cuda(cudaGraphInstantiate(&executable, graph, 0), "cudaGraphInstantiate");
    for (const std::uint64_t seed : {1, 4, 5}) {
        problem.upload(with_seed(spec(), seed));
        check_cuda(cudaGraphLaunch(executable, stream.get()), "cudaGraphLaunch");
        stream.synchronize();
        EXPECT_TRUE(problem.check(plan)) << "seed " << seed;
    }
    cudaGraphExecDestroy(executable);
    cudaGraphDestroy(graph);
}

TEST_P(Replan, SurvivesIndicesThatAreNoPattern) {
    DeviceProblem problem(with_seed(spec(), 1));
    const Problem right = problem.problem();
    const Plan plan = dynamic_plan(problem);
    const TestStream stream;
    std::mt19937 random(9);
    for (const std::uint32_t range : {0xFFFFFFFFU, 4096U}) {
        Problem wrong = right;
        for (std::vector<std::byte>* indices : {&wrong.crow, &wrong.cols}) {
            auto* words = reinterpret_cast<std::uint32_t*>(indices->data());
            for (std::size_t i = 0; i < indices->size() / sizeof(*words); ++i) {
                words[i] = static_cast<std::uint32_t>(random()) % range;
            }
        }
        problem.upload(wrong);
        replan(plan, problem.a(), stream.get());
        problem.launch(plan, stream.get());
        ASSERT_EQ(cudaStreamSynchronize(stream.get()), cudaSuccess);
    }
    problem.upload(right);
    replan(plan, problem.a(), stream.get());
    problem.launch(plan, stream.get());
    stream.synchronize();
    EXPECT_TRUE(problem.check(plan));
}

class ReplanErrors : public NeedsCuda<::testing::Test> {};

TEST_F(ReplanErrors, AreReported) {
    const DeviceProblem problem(make_problem(battery_case("several_tiles")));
    Problem host = problem.problem();
    const Plan plan = dynamic_plan(problem);
    const auto code = [](const Plan& to, const BsrView& a) {
        try {
            replan(to, a);
        } catch (const Error& error) {
            return error.code();
        }
        return ErrorCode::internal;
    };
    EXPECT_EQ(code(problem.plan(), problem.a()), ErrorCode::invalid_argument);  // not dynamic
    BsrView other = problem.a();
    other.nnzb -= 1;
    EXPECT_EQ(code(plan, other), ErrorCode::invalid_argument);
    EXPECT_EQ(code(plan, host.a_view(host.host_addresses())), ErrorCode::device_mismatch);
    BsrView lying = host.a_view(host.host_addresses());
    lying.device = {DeviceType::cuda, 0};
    EXPECT_EQ(code(plan, lying), ErrorCode::device_mismatch);
    check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
}

/// A pattern of `size` x `size` without values, on the device.
struct DevicePattern {
    BsrMatrix matrix;
    BsrView view;
    DeviceBuffer crow;
    DeviceBuffer cols;

    explicit DevicePattern(BsrMatrix a) : matrix(std::move(a)) {
        crow = DeviceBuffer(matrix.crow_indices.data(), matrix.crow_indices.size() * sizeof(std::int32_t));
        cols = DeviceBuffer(matrix.col_indices.data(), matrix.col_indices.size() * sizeof(std::int32_t));
        view = matrix.view();
        view.crow_indices = crow.as<void>();
        view.col_indices = cols.as<void>();
        view.values = nullptr;
        view.device = {DeviceType::cuda, 0};
    }
};

/// Columns 0 .. blocks-1 of each block row, for patterns given by their rows' lengths.
BsrMatrix matrix_of_rows(const std::vector<int>& blocks, int block, std::int64_t k) {
    BsrMatrix a;
    a.m = static_cast<std::int64_t>(blocks.size()) * block;
    a.k = k;
    a.block_m = block;
    a.block_k = block;
    a.crow_indices = {0};
    for (const int count : blocks) {
        for (int i = 0; i < count; ++i) {
            a.col_indices.push_back(i);
        }
        a.crow_indices.push_back(static_cast<std::int32_t>(a.col_indices.size()));
    }
    return a;
}

/// What the device made of the order of work, and of what costs.
struct DeviceOrder {
    DeviceSchedule order;
    std::vector<std::int32_t> offsets;
    std::vector<WorkItem> items;
};

/// Replans `pattern` into poisoned arrays. Needs a kernel with an order of work.
DeviceOrder order_of(const DevicePattern& pattern, const Plan& plan) {
    const DeviceSchedule& order = plan.state().replan.schedule;
    const auto items = static_cast<std::size_t>(order.tile_rows) * order.strips;
    check_cuda(cudaMemset(order.items, 0xFF, items * sizeof(WorkItem)), "cudaMemset");
    replan(plan, pattern.view);
    check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    return {order, download(order.offsets, static_cast<std::size_t>(order.streams) + 1),
            download(order.items, items)};
}

class OrderOfWork : public NeedsCuda<::testing::Test> {
protected:
    static Plan plan_of(const DevicePattern& pattern, std::int64_t n) {
        return make_plan(pattern.view, {.n = n}, pattern.view.device, {.kernel = "", .dynamic = true});
    }
};

TEST_F(OrderOfWork, IsTheHosts) {
    std::vector<int> full_row(128, 4);
    full_row[17] = 128;
    std::vector<int> one_full_row(128, 0);
    one_full_row[100] = 128;
    std::vector<int> causal(128);
    std::vector<int> power_law(128);
    for (int i = 0; i < 128; ++i) {
        causal[i] = i + 1;
        power_law[(37 * i) % 128] = 128 / (i + 1);
    }
    for (const BsrMatrix& a : {generate({.m = 8192, .k = 8192, .block_m = 64, .block_k = 64, .seed = 3}),
                               generate({.m = 8192, .k = 8192, .block_m = 128, .block_k = 128, .seed = 5}),
                               matrix_of_rows(full_row, 64, 8192), matrix_of_rows(one_full_row, 64, 8192),
                               matrix_of_rows(causal, 64, 8192), matrix_of_rows(power_law, 64, 8192)}) {
        const DevicePattern pattern(a);
        for (const std::int64_t n : {8, 520, 4096}) {
            const Plan plan = plan_of(pattern, n);
            if (plan.state().replan.schedule.streams == 0) {
                GTEST_SKIP() << plan.kernel() << " orders its own work";
            }
            const auto [order, offsets, items] = order_of(pattern, plan);
            std::vector<double> costs;
            for (int row = 0; row < order.tile_rows; ++row) {
                const int block_row = row / order.tiles_per_block;
                const int blocks = a.crow_indices[block_row + 1] - a.crow_indices[block_row];
                costs.push_back(
                    static_cast<double>((order.ticks.fixed + blocks * order.ticks.unit) >> kTickBits));
            }
            const Schedule expected = make_schedule(costs, order.strips, order.streams);
            EXPECT_EQ(offsets, expected.offsets);
            EXPECT_TRUE(items == expected.items) << a.block_m << ", " << a.nnzb() << " blocks, n = " << n;
        }
    }
}

TEST_F(OrderOfWork, OfVeryManyTileRowsHoldsEachTileOnce) {
    const DevicePattern pattern(generate({.m = 300000, .k = 256, .block_m = 64, .block_k = 64, .seed = 4}));
    const Plan plan = plan_of(pattern, 1024);
    if (plan.state().replan.schedule.streams == 0) {
        GTEST_SKIP() << plan.kernel() << " orders its own work";
    }
    const auto [order, offsets, items] = order_of(pattern, plan);
    ASSERT_GT(order.tile_rows, kMostSortedTileRows);
    EXPECT_TRUE(std::is_sorted(offsets.begin(), offsets.end()));
    EXPECT_EQ(offsets.back(), order.tile_rows * order.strips);
    std::vector<int> times(items.size(), 0);
    for (const WorkItem& item : items) {
        ++times.at(static_cast<std::size_t>(item.strip) * order.tile_rows + item.tile_row);
    }
    EXPECT_EQ(std::count(times.begin(), times.end(), 1), static_cast<std::ptrdiff_t>(times.size()));
}

}  // namespace
}  // namespace bsk::test
