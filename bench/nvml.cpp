// Prototypes and enumerators follow the NVML API Reference Guide (nvml.h).
#include "bench/nvml.h"

#include <array>

#include <cuda_runtime_api.h>

#include "base/check.h"
#include "base/dynamic_library.h"

namespace bsk::bench {
namespace {

constexpr int kClockSm = 1;              // NVML_CLOCK_SM
constexpr int kClockMemory = 2;          // NVML_CLOCK_MEM
constexpr int kTemperatureGpu = 0;       // NVML_TEMPERATURE_GPU
constexpr unsigned kVersionLength = 80;  // NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE

struct Reason {
    unsigned long long bit;
    const char* name;
};
/// nvmlClocksEventReason*.
constexpr std::array kReasons{Reason{0x01, "gpu_idle"},
                              Reason{0x02, "applications_clocks_setting"},
                              Reason{0x04, "sw_power_cap"},
                              Reason{0x08, "hw_slowdown"},
                              Reason{0x10, "sync_boost"},
                              Reason{0x20, "sw_thermal_slowdown"},
                              Reason{0x40, "hw_thermal_slowdown"},
                              Reason{0x80, "hw_power_brake_slowdown"},
                              Reason{0x100, "display_clock_setting"}};

}  // namespace

/// The functions used; nvmlDevice_t is opaque, nvmlReturn_t and the enumerations are int.
struct Nvml::Api {
    DynamicLibrary library{"NVML", {"libnvidia-ml.so.1"}};
    int (*init)() = library.function<int()>("nvmlInit_v2");
    int (*shutdown)() = library.function<int()>("nvmlShutdown");
    int (*driver_version)(char* version, unsigned length) =
        library.function<int(char*, unsigned)>("nvmlSystemGetDriverVersion");
    int (*device_by_pci)(const char* bus_id, void** device) =
        library.function<int(const char*, void**)>("nvmlDeviceGetHandleByPciBusId_v2");
    int (*clock)(void* device, int type,
                 unsigned* mhz) = library.function<int(void*, int, unsigned*)>("nvmlDeviceGetClockInfo");
    int (*power)(void* device,
                 unsigned* milliwatts) = library.function<int(void*, unsigned*)>("nvmlDeviceGetPowerUsage");
    int (*temperature)(void* device, int sensor, unsigned* celsius) =
        library.function<int(void*, int, unsigned*)>("nvmlDeviceGetTemperature");
    int (*throttle_reasons)(void* device, unsigned long long* bits) =
        library.function<int(void*, unsigned long long*)>("nvmlDeviceGetCurrentClocksThrottleReasons");
};

Nvml::Nvml(Device device) {
    if (device.type == DeviceType::cpu) {
        return;
    }
    try {
        auto api = std::make_unique<Api>();
        std::array<char, 32> bus_id{};
        if (api->init() == 0) {
            api_ = std::move(api);
            if (cudaDeviceGetPCIBusId(bus_id.data(), static_cast<int>(bus_id.size()), device.index) !=
                    cudaSuccess ||
                api_->device_by_pci(bus_id.data(), &device_) != 0) {
                device_ = nullptr;
            }
        }
    } catch (const Error&) {
        api_.reset();  // no NVML: samples stay empty
    }
}

Nvml::~Nvml() {
    if (api_ != nullptr) {
        api_->shutdown();
    }
}

Telemetry Nvml::sample() const {
    Telemetry result;
    if (device_ == nullptr) {
        return result;
    }
    unsigned value = 0;
    if (api_->clock(device_, kClockSm, &value) == 0) {
        result.sm_clock_mhz = value;
    }
    if (api_->clock(device_, kClockMemory, &value) == 0) {
        result.memory_clock_mhz = value;
    }
    if (api_->power(device_, &value) == 0) {
        result.power_w = value / 1000.0;
    }
    if (api_->temperature(device_, kTemperatureGpu, &value) == 0) {
        result.temperature_c = value;
    }
    unsigned long long bits = 0;
    if (api_->throttle_reasons(device_, &bits) == 0) {
        result.throttle_reasons.emplace();
        for (const Reason& reason : kReasons) {
            if ((bits & reason.bit) != 0) {
                result.throttle_reasons->push_back(reason.name);
            }
        }
    }
    return result;
}

std::optional<std::string> Nvml::driver_version() const {
    std::array<char, kVersionLength> version{};
    if (api_ == nullptr || api_->driver_version(version.data(), kVersionLength) != 0) {
        return std::nullopt;
    }
    return version.data();
}

}  // namespace bsk::bench
