#include "bench/runner.h"

#include <algorithm>
#include <new>

#include "base/check.h"
#include "bench/overhead.h"

namespace bsk::bench {
namespace {

/// A peer is wrong when its product is, not when it rounds more coarsely than is asked of this library:
/// cuSPARSE CSR rounds partial sums to fp16 and is off by 1.3e-3.
constexpr double kPeerSlack = 10;

/// An implementation that is ready to be timed, and where its figures go.
struct Contender {
    std::unique_ptr<Implementation> implementation;
    std::size_t index = 0;  ///< into CaseResult::measurements
};

/// Prepares, launches once and judges the case's product by `slack` times what rounding allows.
void prepare_and_check(Implementation& implementation, Case& problem, Device device, double slack,
                       Measurement& measurement) {
    implementation.prepare(problem);
    problem.poison_c();
    implementation.launch(nullptr);
    if (device.type == DeviceType::cuda) {
        check_cuda(cudaDeviceSynchronize(), ("the first launch of " + measurement.implementation).c_str());
    }
    if (implementation.computes_the_case()) {
        measurement.error = problem.check_c(slack * rounding_tolerance(problem.options().c_dtype));
        measurement.executed_flop = problem.executed_flop();
    } else {
        measurement.executed_flop = problem.dense_flop();
    }
    measurement.kernel = implementation.kernel();
    measurement.configuration = implementation.configuration();
}

void add_peer(const std::string& name, Case& problem, Device device, CaseResult& result,
              std::vector<Contender>& contenders) {
    Measurement measurement;
    measurement.implementation = name;
    if (device.type == DeviceType::cpu) {
        const std::string reason = cuda_unavailable_reason();
        measurement.skipped =
            reason.empty() ? "it needs a CUDA device and this case runs on the CPU" : reason;
    } else {
        try {
            std::unique_ptr<Implementation> peer = make_peer(name);
            prepare_and_check(*peer, problem, device, kPeerSlack, measurement);
            contenders.push_back({std::move(peer), result.measurements.size()});
        } catch (const Error& error) {
            measurement.skipped = error.what();
        } catch (const std::bad_alloc&) {
            measurement.skipped = "The host's memory does not suffice for its copy of A.";
        }
    }
    result.measurements.push_back(std::move(measurement));
}

}  // namespace

const Measurement* CaseResult::trusted(const std::string& implementation) const {
    const auto found = std::ranges::find(measurements, implementation, &Measurement::implementation);
    return found != measurements.end() && found->timed() && found->correct() ? &*found : nullptr;
}

ShareOfDenseRate CaseResult::share_of_dense_rate(const Measurement& measurement) const {
    const auto dense = std::ranges::find(measurements, kDenseReference, &Measurement::implementation);
    if (dense == measurements.end() || !dense->timed() || !measurement.timed() || !measurement.correct()) {
        return {};
    }
    const double flop_share = measurement.executed_flop / dense->executed_flop;
    ShareOfDenseRate share{flop_share * dense->median_ms() / measurement.median_ms(), std::nullopt};
    const std::optional<double>& dense_ms = dense->timing.back_to_back_ms;
    const std::optional<double>& ms = measurement.timing.back_to_back_ms;
    if (dense_ms.has_value() && ms.has_value()) {
        share.back_to_back = flop_share * *dense_ms / *ms;
    }
    return share;
}

CaseResult run_case(const CaseOptions& options, const RunOptions& run,
                    const std::function<void(const std::string&)>& progress, const std::atomic<bool>& stop) {
    const std::optional<DeviceGuard> guard = run.device.type == DeviceType::cuda
                                                 ? std::make_optional<DeviceGuard>(run.device.index)
                                                 : std::nullopt;
    progress("generating A and B");
    Case problem(options, run.device);
    CaseResult result;
    result.options = options;
    result.device = run.device;
    result.model = device_model(run.device);
    result.driver_version = Nvml(run.device).driver_version();
    result.nnzb = problem.a_host().nnzb();
    result.density = statistics(problem.a_host().view()).density;
    result.dense_flop = problem.dense_flop();

    // Declared first, so that its stream outlives the libraries that were handed it.
    const std::unique_ptr<LaunchClock> clock = make_launch_clock(run.device);
    std::vector<Contender> contenders;
    contenders.push_back({make_bsk_spmm(), 0});
    progress("checking bsk");
    result.measurements.emplace_back();
    result.measurements[0].implementation = contenders[0].implementation->name();
    prepare_and_check(*contenders[0].implementation, problem, run.device, 1, result.measurements[0]);
    if (run.overhead) {
        progress("timing launches on the host");
        result.measurements[0].overhead_us =
            measure_overhead_us(*contenders[0].implementation, run.device, stop);
        return result;
    }
    for (const std::string& peer : run.peers) {
        if (stop) {
            break;
        }
        if (run.device.type == DeviceType::cuda) {
            progress("checking " + peer);
        }
        add_peer(peer, problem, run.device, result, contenders);
    }

    progress(fmt::format("timing {} implementation{} in turns", contenders.size(),
                         contenders.size() == 1 ? "" : "s"));
    std::vector<Implementation*> implementations;
    implementations.reserve(contenders.size());
    for (const Contender& contender : contenders) {
        implementations.push_back(contender.implementation.get());
    }
    std::vector<Timing> timings = measure(implementations, run.device, *clock, run.timing, stop);
    for (std::size_t i = 0; i < contenders.size(); ++i) {
        result.measurements[contenders[i].index].timing = std::move(timings[i]);
    }
    return result;
}

}  // namespace bsk::bench
