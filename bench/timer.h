// Times several implementations of one product against each other.
#pragma once

#include <atomic>
#include <optional>
#include <span>
#include <vector>

#include <bsk/types.h>

#include "bench/implementation.h"
#include "bench/launch_clock.h"
#include "bench/nvml.h"

namespace bsk::bench {

struct TimingOptions {
    int runs = 30;               ///< launches timed of each implementation
    double budget_seconds = 10;  ///< for the whole case; slow implementations get fewer runs, at least 3
};

struct Timing {
    std::vector<double> isolated_ms;        ///< one entry a launch on an idle device, ascending
    std::optional<double> back_to_back_ms;  ///< of one launch in a full queue; empty on the CPU
    Telemetry load;                         ///< taken while the queue was full
};

/// Linear interpolation between the entries of an ascending, non-empty list; `share` in [0, 1].
[[nodiscard]] double quantile(std::span<const double> ascending, double share);

/// Warms up, then times launch by launch in turns, so that clocks, temperature and neighbours are the same
/// for all; every other round runs in reverse order. Caches stay as the previous launch left them. `stop`
/// ends it after the current launch; timings may then have fewer runs or none.
[[nodiscard]] std::vector<Timing> measure(std::span<Implementation* const> implementations, Device device,
                                          LaunchClock& clock, const TimingOptions& options,
                                          const std::atomic<bool>& stop);

}  // namespace bsk::bench
