#include "bench/timer.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace bsk::bench {
namespace {

constexpr int kFewestRuns = 3;
constexpr int kBatches = 3;  // of back-to-back launches, the median of which counts
constexpr int kBatchLaunches = 20;
constexpr double kWarmUpSeconds = 0.5;
constexpr int kWarmUpRounds = 3;

/// Launches in turns until clocks have settled; each implementation's last time in ms.
std::vector<double> warm_up(std::span<Implementation* const> implementations, Device device,
                            LaunchClock& clock, const TimingOptions& options, const std::atomic<bool>& stop) {
    const bool settles = device.type == DeviceType::cuda;
    const double seconds = settles ? std::min(kWarmUpSeconds, options.budget_seconds / 10) : 0;
    const int fewest_rounds = settles ? kWarmUpRounds : 1;
    const auto start = std::chrono::steady_clock::now();
    std::vector<double> last_ms(implementations.size());
    for (int round = 0; round < fewest_rounds ||
                        std::chrono::steady_clock::now() - start < std::chrono::duration<double>(seconds);
         ++round) {
        for (std::size_t i = 0; i < implementations.size() && !stop; ++i) {
            last_ms[i] = clock.isolated_ms(*implementations[i]);
        }
        if (stop) {
            break;
        }
    }
    return last_ms;
}

/// How often a launch of `launch_ms` fits into `seconds`, within [fewest, most].
int affordable(double seconds, double launch_ms, int fewest, int most) {
    const double fits = launch_ms > 0 ? seconds * 1e3 / launch_ms : most;
    return static_cast<int>(std::clamp(fits, static_cast<double>(fewest), static_cast<double>(most)));
}

}  // namespace

double quantile(std::span<const double> ascending, double share) {
    const double position = share * static_cast<double>(ascending.size() - 1);
    const auto lower = static_cast<std::size_t>(position);
    const std::size_t upper = std::min(lower + 1, ascending.size() - 1);
    return std::lerp(ascending[lower], ascending[upper], position - static_cast<double>(lower));
}

std::vector<Timing> measure(std::span<Implementation* const> implementations, Device device,
                            LaunchClock& clock, const TimingOptions& options, const std::atomic<bool>& stop) {
    const std::size_t count = implementations.size();
    const Nvml nvml(device);
    std::vector<Timing> timings(count);

    const std::vector<double> estimate_ms = warm_up(implementations, device, clock, options, stop);
    // Half of the budget goes to isolated launches; batches take a quarter and leave room for the warm-up.
    const double share = options.budget_seconds / static_cast<double>(count);
    const int most = std::max(options.runs, 1);
    std::vector<int> runs(count);
    for (std::size_t i = 0; i < count; ++i) {
        runs[i] = affordable(share / 2, estimate_ms[i], std::min(kFewestRuns, most), most);
    }

    for (int round = 0; round < most; ++round) {
        for (std::size_t turn = 0; turn < count && !stop; ++turn) {
            const std::size_t i = round % 2 == 0 ? turn : count - 1 - turn;
            // Spreads runs[i] launches evenly over the rounds.
            if ((round + 1) * runs[i] / most > round * runs[i] / most) {
                timings[i].isolated_ms.push_back(clock.isolated_ms(*implementations[i]));
            }
        }
    }

    for (std::size_t i = 0; i < count; ++i) {
        std::ranges::sort(timings[i].isolated_ms);
        const int launches = affordable(share / (4 * kBatches), estimate_ms[i], 1, kBatchLaunches);
        std::vector<double> batch_ms;
        for (int batch = 0; batch < kBatches && !stop; ++batch) {
            const std::optional<double> ms = clock.back_to_back_ms(*implementations[i], launches,
                                                                   [&] { timings[i].load = nvml.sample(); });
            if (ms.has_value()) {
                batch_ms.push_back(*ms);
            }
        }
        if (!batch_ms.empty()) {
            std::ranges::sort(batch_ms);
            timings[i].back_to_back_ms = quantile(batch_ms, 0.5);
        }
    }
    return timings;
}

}  // namespace bsk::bench
