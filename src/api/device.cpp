#include <bsk/device.h>

#include <cuda_runtime_api.h>

#include "base/check.h"
#include "base/cuda.h"
#include "plan/device_models.h"
#include "plan/kernels.h"
#include "plan/sddmm.h"

namespace bsk {

namespace {

/// Devices the driver offers, and its word where it offers none.
struct DeviceQuery {
    int count = 0;
    cudaError_t status = cudaSuccess;
};

DeviceQuery query_devices() {
    DeviceQuery query;
    query.status = cudaGetDeviceCount(&query.count);
    if (query.status != cudaSuccess) {
        cudaGetLastError();
        query.count = 0;
    }
    return query;
}

/// @param kernels  KernelIds or SddmmKernels
template <class Kernels>
std::vector<KernelSupport> support_of(const Kernels& kernels, const DeviceModel& device) {
    std::vector<KernelSupport> support;
    for (const auto kernel : kernels) {
        const KernelCode code = code_for(kernel, device);
        support.push_back({name(kernel), needs(kernel), is_built(kernel), code != KernelCode::none, code});
    }
    return support;
}

}  // namespace

int cuda_device_count() {
    return query_devices().count;
}

std::string cuda_unavailable_reason() {
    const DeviceQuery query = query_devices();
    if (query.count > 0) {
        return "";
    }
    const int driver = cuda_driver_version();
    if (driver == 0) {
        return "no CUDA driver is installed";
    }
    if (query.status == cudaErrorInsufficientDriver) {
        return fmt::format("the driver is for CUDA {}.{} and this build needs {}.{}", driver / 1000,
                           driver % 1000 / 10, CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
    }
    return query.status == cudaSuccess ? "the driver reports no CUDA device"
                                       : cudaGetErrorString(query.status);
}

int cuda_driver_version() {
    int version = 0;
    return cudaDriverGetVersion(&version) == cudaSuccess ? version : 0;
}

Device default_device() {
    return cuda_device_count() > 0 ? Device{DeviceType::cuda, 0} : Device{DeviceType::cpu, 0};
}

DeviceModel device_model(Device device) {
    if (device.type == DeviceType::cpu) {
        require(device.index == 0, ErrorCode::invalid_argument,
                "CPU device {} does not exist: its only index is 0.", device.index);
        return cpu_model();
    }
    const DeviceQuery query = query_devices();
    require(query.count > 0, ErrorCode::invalid_argument, "CUDA device {} does not exist: {}.", device.index,
            cuda_unavailable_reason());
    require(device.index >= 0 && device.index < query.count, ErrorCode::invalid_argument,
            "CUDA device {} does not exist: there are devices 0 to {}.", device.index, query.count - 1);
    cudaDeviceProp properties{};
    check_cuda(cudaGetDeviceProperties(&properties, device.index), "cudaGetDeviceProperties");
    DeviceModel model;
    model.name = properties.name;
    model.type = DeviceType::cuda;
    model.cc_major = properties.major;
    model.cc_minor = properties.minor;
    model.sm_count = properties.multiProcessorCount;
    model.memory_bytes = static_cast<std::int64_t>(properties.totalGlobalMem);
    fill_rates(model);
    return model;
}

std::vector<KernelSupport> kernel_support(const DeviceModel& device) {
    return support_of(kKernels, device);
}

std::vector<KernelSupport> sddmm_kernel_support(const DeviceModel& device) {
    return support_of(kSddmmKernels, device);
}

const char* version() {
    return BSK_VERSION;
}

}  // namespace bsk
