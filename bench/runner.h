// Measures one case: prepares, checks and times this library and its peers on the same data.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <bsk/device.h>

#include "bench/case.h"
#include "bench/timer.h"

namespace bsk::bench {

struct RunOptions {
    Device device;
    std::vector<std::string> peers;  ///< of peer_names()
    TimingOptions timing;
    bool overhead =
        false;  ///< measure the host's cost of a launch instead of the products; this library on CUDA only
};

/// One implementation of a case.
struct Measurement {
    std::string implementation;
    std::string kernel;
    std::string configuration;
    std::string skipped;                ///< why it was not measured; empty when it was
    std::optional<ErrorFigures> error;  ///< empty unless the case's own product was computed
    double executed_flop = 0;           ///< of one launch: what is stored of A, times n
    Timing timing;
    std::vector<double> overhead_us;  ///< ascending; filled by RunOptions::overhead only

    [[nodiscard]] bool timed() const { return !timing.isolated_ms.empty(); }
    [[nodiscard]] bool correct() const { return error.has_value() && error->correct; }
    [[nodiscard]] double median_ms() const { return quantile(timing.isolated_ms, 0.5); }
};

/// Executed FLOP a second over those of the dense reference in the same run; each empty where there is none.
struct ShareOfDenseRate {
    std::optional<double> isolated;
    std::optional<double> back_to_back;
};

struct CaseResult {
    CaseOptions options;
    Device device;
    DeviceModel model;
    std::optional<std::string> driver_version;
    std::int64_t nnzb = 0;
    double density = 0;
    double dense_flop = 0;
    std::vector<Measurement> measurements;  ///< this library's first

    /// Null where it is not there, not timed, wrong or of another product.
    [[nodiscard]] const Measurement* trusted(const std::string& implementation) const;
    [[nodiscard]] ShareOfDenseRate share_of_dense_rate(const Measurement& measurement) const;
};

/// `progress` gets a few words at each step. A peer that cannot run is recorded with the reason; an error of
/// this library is thrown. `stop` ends the case after the current launch; what was measured until then is
/// returned.
[[nodiscard]] CaseResult run_case(const CaseOptions& options, const RunOptions& run,
                                  const std::function<void(const std::string&)>& progress,
                                  const std::atomic<bool>& stop);

}  // namespace bsk::bench
