// What this machine can run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <bsk/types.h>

namespace bsk {

/// What the planner needs to know of a device, of this machine or not.
struct DeviceModel {
    std::string name;  ///< as the driver gives it; "CPU" for the host
    DeviceType type = DeviceType::cpu;
    int cc_major = 0;  ///< compute capability
    int cc_minor = 0;
    int sm_count = 0;          ///< streaming multiprocessors; hardware threads on the CPU
    double tensor_tflops = 0;  ///< sustained dense fp16 rate on random data, TFLOP/s
    double memory_gbps = 0;    ///< sustained copy bandwidth, GB/s
    double l2_gbps = 0;        ///< sustained L2 to SM bandwidth, GB/s
    std::int64_t memory_bytes = 0;
};

/// What a build holds of a kernel for a device.
enum class KernelCode {
    none,    ///< nothing that runs there
    ptx,     ///< PTX, from which the driver makes machine code when the kernel is first loaded
    native,  ///< machine code
};

/// One kernel of the library and whether it runs on a given device.
struct KernelSupport {
    std::string kernel;                  ///< e.g. "spmm_sm90"
    std::string needs;                   ///< in words, e.g. "compute capability 9.0, blocks of 64 and more"
    bool built = false;                  ///< this build contains it
    bool runs = false;                   ///< it is built and the device can run it
    KernelCode code = KernelCode::none;  ///< what runs there
};

/// CUDA devices that can be used; empty, never an error, where there is no driver or no GPU.
[[nodiscard]] BSK_API int cuda_device_count();
/// Why cuda_device_count() is 0, in words; empty when it is not.
[[nodiscard]] BSK_API std::string cuda_unavailable_reason();
/// CUDA driver version as 1000*major + 10*minor, 0 without a driver.
[[nodiscard]] BSK_API int cuda_driver_version();
/// CUDA device 0 where there is one, else the CPU.
[[nodiscard]] BSK_API Device default_device();
/// @throws Error invalid_argument for a device that is not there.
[[nodiscard]] BSK_API DeviceModel device_model(Device device);
/// Published or measured figures by name: "h200", "h100", "a100", "l4", "cpu". @throws Error
/// invalid_argument.
[[nodiscard]] BSK_API DeviceModel device_model_by_name(const std::string& name);
/// The kernels that PlanOptions::kernel names, whether they run on the device or not.
[[nodiscard]] BSK_API std::vector<KernelSupport> kernel_support(const DeviceModel& device);
/// The kernels of the sampled product, those that make_sddmm_plan() names.
[[nodiscard]] BSK_API std::vector<KernelSupport> sddmm_kernel_support(const DeviceModel& device);
/// "major.minor.patch" of the library.
[[nodiscard]] BSK_API const char* version();

}  // namespace bsk
