#include "bench/sampled_sweep.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include <bsk/device.h>
#include <bsk/sddmm.h>

#include "base/cuda.h"
#include "base/lines.h"
#include "bench/nvml.h"
#include "bench/record.h"
#include "bench/sweep_cases.h"
#include "bench/sweep_operands.h"
#include "plan/sddmm.h"

namespace bsk::bench {
namespace {

constexpr std::uint64_t kStreamOfD2 = 0xD2;  // of generate_dense(); D1 takes that of B

/// D1 and D2 on the device, for the largest n.
struct Factors {
    Factors(std::int64_t size, std::int64_t most_n, DType dtype, std::uint64_t seed) {
        const std::vector<std::byte> first = generate_dense(size * most_n, dtype, seed, kStreamOfB);
        const std::vector<std::byte> second = generate_dense(size * most_n, dtype, seed, kStreamOfD2);
        d1 = DeviceBuffer(first.data(), first.size());
        d2 = DeviceBuffer(second.data(), second.size());
    }
    DeviceBuffer d1;
    DeviceBuffer d2;
};

/// One kernel on operands that are there.
class SampledProduct final : public Implementation {
public:
    SampledProduct(SddmmPlan plan, const ConstMatrixView& d1, const ConstMatrixView& d2, void* values)
        : plan_(std::move(plan)), d1_(d1), d2_(d2), values_(values) {}

    [[nodiscard]] std::string name() const override { return "bsk"; }
    void prepare(const Case&) override {}
    void launch(Stream stream) override { sddmm(plan_, d1_, d2_, values_, 1.0F, 0.0F, stream); }
    [[nodiscard]] std::string kernel() const override { return plan_.kernel(); }
    [[nodiscard]] std::string configuration() const override { return plan_.explain(); }

private:
    SddmmPlan plan_;
    ConstMatrixView d1_;
    ConstMatrixView d2_;
    void* values_;
};

/// The sampled products of one pattern.
class SampledCase {
public:
    SampledCase(const GenerateOptions& a, Device device)
        : device_(device), a_(generate(a)), values_(a_.values.data(), a_.values.size()) {}

    [[nodiscard]] std::int64_t nnzb() const { return a_.nnzb(); }

    /// With the kernel of this name; the chosen one where it is empty.
    [[nodiscard]] SampledProduct product(const Factors& factors, const SddmmProblem& problem,
                                         const std::string& kernel) const {
        const std::int64_t n = problem.n;
        const ConstMatrixView d1{factors.d1.as<void>(),
                                 a_.dtype,
                                 a_.m,
                                 n,
                                 problem.d1_layout,
                                 lines_of(problem.d1_layout, a_.m, n).length,
                                 device_};
        const ConstMatrixView d2{factors.d2.as<void>(),
                                 a_.dtype,
                                 n,
                                 a_.k,
                                 problem.d2_layout,
                                 lines_of(problem.d2_layout, n, a_.k).length,
                                 device_};
        return {make_sddmm_plan(a_.view(), problem, device_, kernel), d1, d2, values_.as<void>()};
    }

    [[nodiscard]] HostSddmmPlan host_plan(const SddmmProblem& problem) const {
        return plan_sddmm(a_.view(), a_.crow_indices, a_.col_indices, problem, device_model(device_), "");
    }

    /// The values as a product leaves them.
    [[nodiscard]] std::vector<float> sampled() const {
        return sample({values_.as<void>(), a_.dtype, a_.nnzb() * a_.block_m, a_.block_k, Layout::row_major,
                       a_.block_k, device_});
    }

private:
    Device device_;
    BsrMatrix a_;
    DeviceBuffer values_;
};

}  // namespace

void sweep_sampled(const SweepOptions& options,
                   const std::function<void(const nlohmann::ordered_json&)>& sink,
                   const std::atomic<bool>& stop) {
    const DeviceGuard guard(options.device.index);
    const Nvml nvml(options.device);  // kept, so that measure() need not start NVML for every case
    const std::unique_ptr<LaunchClock> clock = make_launch_clock(options.device);
    const auto measure_one = [&](const SampledCase& sampled, const GenerateOptions& a, const Factors& factors,
                                 std::int64_t n, Layout layout) {
        const SddmmProblem problem{.n = n, .values_dtype = options.dtype, .d1_layout = layout};
        SampledProduct expected = sampled.product(factors, problem, "sddmm_sm80");
        expected.launch(nullptr);
        const std::vector<float> right = sampled.sampled();
        SampledProduct product = sampled.product(factors, problem, "");
        product.launch(nullptr);

        CaseResult result = case_result(a, sampled.nnzb(), n, Layout::row_major, options.device, nvml);
        Measurement& measurement = result.measurements.emplace_back();
        measurement.implementation = product.name();
        measurement.kernel = product.kernel();
        measurement.executed_flop = result.dense_flop * result.density;
        measurement.error = compare(sampled.sampled(), right, 2 * rounding_tolerance(options.dtype));
        const std::vector<Implementation*> contenders{&product};
        measurement.timing =
            std::move(measure(contenders, options.device, *clock, options.timing, stop).front());
        if (!measurement.timed() && measurement.correct()) {
            return;  // interrupted before its first run
        }
        nlohmann::ordered_json record = make_record(result, measurement);
        record["case"]["product"] = "sampled";
        record["case"]["d1_layout"] = name(layout);
        const HostSddmmPlan plan = sampled.host_plan(problem);
        record["plan"] = plan_json(plan.terms, plan.predicted_seconds, false);
        sink(record);
    };
    for (const std::int64_t size : options.sizes) {
        const Factors factors(size, *std::ranges::max_element(options.ns), options.dtype, options.seed);
        for (const GenerateOptions& a : matrices(options, size)) {
            const SampledCase sampled(a, options.device);
            for (const std::int64_t n : options.ns) {
                for (const Layout layout : options.layouts) {
                    if (stop) {
                        return;
                    }
                    measure_one(sampled, a, factors, n, layout);
                }
            }
        }
    }
}

}  // namespace bsk::bench
