// What the driver says of a GPU: clocks, power, temperature and throttling, through NVML where it is there.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <bsk/types.h>

namespace bsk::bench {

/// What NVML does not tell stays empty.
struct Telemetry {
    std::optional<unsigned> sm_clock_mhz;
    std::optional<unsigned> memory_clock_mhz;
    std::optional<double> power_w;
    std::optional<unsigned> temperature_c;
    std::optional<std::vector<std::string>> throttle_reasons;  ///< empty list: none
};

class Nvml {
public:
    /// Never throws: without NVML, or on the CPU, every sample is empty.
    explicit Nvml(Device device);
    ~Nvml();
    Nvml(const Nvml&) = delete;
    Nvml& operator=(const Nvml&) = delete;

    [[nodiscard]] Telemetry sample() const;
    /// e.g. "580.95.05".
    [[nodiscard]] std::optional<std::string> driver_version() const;

private:
    struct Api;
    std::unique_ptr<Api> api_;
    void* device_ = nullptr;
};

}  // namespace bsk::bench
