// What a plan costs the host: one JSON line for each block, pattern and density, planned for an H200 that need
// not be there. Arguments: sizes (m = n = k), 8192 by default.
#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <bsk/bsr.h>
#include <bsk/device.h>

#include "format/indices.h"
#include "plan/planner.h"

namespace bsk::bench {
namespace {

constexpr int kRuns = 9;

template <class T>
std::size_t bytes(const std::vector<T>& array) {
    return array.size() * sizeof(T);
}

/// Bytes of the arrays that a plan keeps on its device.
std::size_t bytes(const Indices& indices, const HostPlan& plan) {
    const Schedule& schedule = plan.schedule;
    const UnionLists& lists = plan.lists;
    return bytes(indices.crow) + bytes(indices.cols) + bytes(schedule.offsets) + bytes(schedule.items) +
           bytes(schedule.parts) + bytes(lists.group_rows) + bytes(lists.group_stages) + bytes(lists.steps) +
           bytes(lists.stage_units) + bytes(lists.units);
}

/// Milliseconds from the caller's indices to the plan's arrays, uploads left out.
nlohmann::ordered_json measure(const GenerateOptions& options, const DeviceModel& device) {
    const BsrMatrix a = generate(options);
    const BsrView view = a.view();
    std::vector<double> ms;
    std::string kernel;
    std::size_t held = 0;
    for (int run = 0; run < kRuns; ++run) {
        const auto start = std::chrono::steady_clock::now();
        validate(view);
        const Indices indices = copy_indices(view);
        const HostPlan plan =
            plan_spmm(view, indices.crow, indices.cols, check_problem(view, {.n = options.m}), device, {});
        ms.push_back(
            std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
        kernel = name(plan.choice.kernel);
        held = bytes(indices, plan);
    }
    std::ranges::sort(ms);
    return {{"size", options.m},
            {"block", options.block_m},
            {"pattern", name(options.pattern)},
            {"density", options.density},
            {"kernel", kernel},
            {"plan_ms_median", ms[kRuns / 2]},
            {"plan_ms_min", ms.front()},
            {"memory_share_of_values", static_cast<double>(held) / static_cast<double>(a.values.size())}};
}

void measure_size(std::int64_t size) {
    const DeviceModel device = device_model_by_name("h200");
    for (const int block : {128, 64, 32, 16}) {
        for (const Pattern pattern : {Pattern::uniform, Pattern::banded, Pattern::power_law}) {
            for (const double density : {0.05, 0.22, 0.5}) {
                const GenerateOptions options{.pattern = pattern,
                                              .m = size,
                                              .k = size,
                                              .block_m = block,
                                              .block_k = block,
                                              .density = density};
                fmt::print("{}\n", measure(options, device).dump());
            }
        }
    }
}

}  // namespace
}  // namespace bsk::bench

int main(int argc, char** argv) {
    const std::vector<std::string> sizes(argv + 1, argv + argc);
    if (sizes.empty()) {
        bsk::bench::measure_size(8192);
    }
    for (const std::string& size : sizes) {
        bsk::bench::measure_size(std::stoll(size));
    }
}
