#include "bench/sweep.h"

#include <algorithm>
#include <memory>
#include <optional>

#include <bsk/packed.h>
#include <bsk/plan.h>
#include <bsk/spmm.h>

#include "api/plan_state.h"
#include "base/check.h"
#include "base/cuda.h"
#include "bench/nvml.h"
#include "bench/record.h"
#include "bench/sweep_cases.h"
#include "bench/sweep_operands.h"

namespace bsk::bench {
namespace {

constexpr double kSlowest = 4;  // times the fastest prediction

/// One kernel on operands that are there.
class PlannedProduct final : public Implementation {
public:
    PlannedProduct(Plan plan, const BsrView& a, std::optional<PackedValues> packed, const ConstMatrixView& b,
                   const MatrixView& c)
        : plan_(std::move(plan)), a_(a), packed_(std::move(packed)), b_(b), c_(c) {}

    [[nodiscard]] std::string name() const override { return "bsk"; }
    void prepare(const Case&) override {}
    void launch(Stream stream) override {
        if (packed_.has_value()) {
            spmm(plan_, *packed_, b_, c_, 1.0F, 0.0F, stream);
        } else {
            spmm(plan_, a_, b_, c_, 1.0F, 0.0F, stream);
        }
    }
    [[nodiscard]] std::string kernel() const override { return plan_.kernel(); }
    [[nodiscard]] std::string configuration() const override { return plan_.explain(); }
    [[nodiscard]] const HostPlan& host_plan() const { return plan_.state().host; }
    [[nodiscard]] bool packs_each_time() const {
        return !packed_.has_value() && host_plan().packed_bytes > 0;
    }

private:
    Plan plan_;
    BsrView a_;
    std::optional<PackedValues> packed_;
    ConstMatrixView b_;
    MatrixView c_;
};

/// Every kernel worth a measurement; dense_cublas a second time without packed values if `packing`.
std::vector<std::unique_ptr<PlannedProduct>> products(const Operands& operands, std::int64_t n, Layout layout,
                                                      const PackedValues& dense, bool packing,
                                                      Device device) {
    const ConstMatrixView b = operands.b(n, layout);
    const MatrixView c = operands.c(n, layout);
    const SpmmProblem problem{.n = n, .c_dtype = c.dtype, .b_layout = layout, .c_layout = layout};
    std::vector<std::unique_ptr<PlannedProduct>> result;
    const auto add = [&](const Plan& plan, const std::optional<PackedValues>& packed) {
        result.push_back(std::make_unique<PlannedProduct>(plan, operands.a(), packed, b, c));
    };
    for (const KernelSupport& support : kernel_support(device_model(device))) {
        if (!support.runs) {
            continue;
        }
        try {
            const Plan plan = make_plan(operands.a_host().view(), problem, device,
                                        {.kernel = support.kernel, .packed_values = true});
            const bool is_dense = plan.state().host.choice.kernel == KernelId::dense_cublas;
            add(plan, is_dense ? std::make_optional(dense) : std::nullopt);
            if (is_dense && packing) {
                add(plan, std::nullopt);
            }
        } catch (const Error& error) {
            if (error.code() != ErrorCode::unsupported) {
                throw;
            }
        }
    }
    double fastest = result.empty() ? 0 : result.front()->host_plan().predicted_seconds;
    for (const auto& product : result) {
        fastest = std::min(fastest, product->host_plan().predicted_seconds);
    }
    std::erase_if(result, [&](const auto& product) {
        return product->host_plan().predicted_seconds > kSlowest * fastest &&
               product->host_plan().choice.kernel != KernelId::dense_cublas;
    });
    return result;
}

}  // namespace

void sweep(const SweepOptions& options, const std::function<void(const nlohmann::ordered_json&)>& sink,
           const std::atomic<bool>& stop) {
    const DeviceGuard guard(options.device.index);
    const Nvml nvml(options.device);  // kept, so that measure() need not start NVML for every case
    const std::unique_ptr<LaunchClock> clock = make_launch_clock(options.device);
    const auto measure_one = [&](const Operands& operands, const GenerateOptions& a, std::int64_t n,
                                 Layout layout, const PackedValues& dense) {
        const auto kernels = products(operands, n, layout, dense, n == options.ns.front(), options.device);
        CaseResult result = case_result(a, operands.a_host().nnzb(), n, layout, options.device, nvml);
        std::vector<Implementation*> implementations;
        std::vector<float> expected;
        for (const auto& product : kernels) {
            Measurement& measurement = result.measurements.emplace_back();
            measurement.implementation = product->name();
            measurement.kernel = product->kernel();
            measurement.executed_flop = result.dense_flop * result.density;
            product->launch(nullptr);
            check_cuda(cudaDeviceSynchronize(), product->kernel().c_str());
            const std::vector<float> found = sample(operands.c(n, layout));
            expected = expected.empty() ? found : expected;
            measurement.error = compare(found, expected, 2 * rounding_tolerance(a.dtype));
            implementations.push_back(product.get());
        }
        std::vector<Timing> timings = measure(implementations, options.device, *clock, options.timing, stop);
        for (std::size_t i = 0; i < kernels.size(); ++i) {
            result.measurements[i].timing = std::move(timings[i]);
            if (!result.measurements[i].timed() && result.measurements[i].correct()) {
                continue;  // interrupted before its first run
            }
            nlohmann::ordered_json record = make_record(result, result.measurements[i]);
            const HostPlan& plan = kernels[i]->host_plan();
            record["plan"] = plan_json(plan.terms, plan.predicted_seconds, kernels[i]->packs_each_time());
            sink(record);
        }
    };

    for (const std::int64_t size : options.sizes) {
        const DenseOperands b_and_c(size, *std::ranges::max_element(options.ns), options.dtype, options.seed);
        for (const GenerateOptions& a : matrices(options, size)) {
            const Operands operands(a, b_and_c, options.device);
            std::optional<PackedValues> dense;
            for (const std::int64_t n : options.ns) {
                for (const Layout layout : options.layouts) {
                    if (stop) {
                        return;
                    }
                    if (!dense.has_value()) {
                        dense =
                            pack_values(make_plan(operands.a_host().view(), {.n = n, .c_dtype = a.dtype},
                                                  options.device, {.kernel = name(KernelId::dense_cublas)}),
                                        operands.a());
                    }
                    measure_one(operands, a, n, layout, *dense);
                }
            }
        }
    }
}

}  // namespace bsk::bench
