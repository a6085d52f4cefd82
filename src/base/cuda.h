// CUDA runtime calls that throw, device memory that frees itself, and the current-device guard.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include <cuda_runtime_api.h>

#include <bsk/error.h>

namespace bsk {

/// Throws Error cuda_error (out_of_memory where that is the reason) that names the failing call.
inline void check_cuda(cudaError_t status, const char* call) {
    if (status == cudaSuccess) {
        return;
    }
    cudaGetLastError();  // clear it, so that the caller's next call does not report it again
    const ErrorCode code =
        status == cudaErrorMemoryAllocation ? ErrorCode::out_of_memory : ErrorCode::cuda_error;
    throw Error(code, std::string(call) + " failed: " + cudaGetErrorString(status) + " (" +
                          cudaGetErrorName(status) + ").");
}

/// Makes `index` the calling thread's current CUDA device for the guard's lifetime.
class DeviceGuard {
public:
    explicit DeviceGuard(int index) {
        check_cuda(cudaGetDevice(&previous_), "cudaGetDevice");
        if (previous_ != index) {
            check_cuda(cudaSetDevice(index), "cudaSetDevice");
            changed_ = true;
        }
    }
    ~DeviceGuard() {
        if (changed_) {
            cudaSetDevice(previous_);
        }
    }
    DeviceGuard(const DeviceGuard&) = delete;
    DeviceGuard& operator=(const DeviceGuard&) = delete;

private:
    int previous_ = 0;
    bool changed_ = false;
};

/// Bytes on the current CUDA device, freed with the owner. Zero bytes allocate nothing.
class DeviceBuffer {
public:
    DeviceBuffer() = default;
    explicit DeviceBuffer(std::size_t bytes) : bytes_(bytes) {
        if (bytes > 0) {
            check_cuda(cudaMalloc(&data_, bytes), "cudaMalloc");
        }
    }
    /// A copy of host memory, there for every stream when this returns: cudaMemcpy from pageable memory returns
    /// once the data is staged, so the legacy stream is waited for.
    DeviceBuffer(const void* host, std::size_t bytes) : DeviceBuffer(bytes) {
        if (bytes > 0) {
            check_cuda(cudaMemcpy(data_, host, bytes, cudaMemcpyHostToDevice), "cudaMemcpy");
            check_cuda(cudaStreamSynchronize(cudaStreamLegacy), "cudaStreamSynchronize");
        }
    }
    DeviceBuffer(DeviceBuffer&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~DeviceBuffer() { cudaFree(data_); }

    template <class T>
    [[nodiscard]] T* as() const {
        return static_cast<T*>(data_);
    }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

private:
    void* data_ = nullptr;
    std::size_t bytes_ = 0;
};

}  // namespace bsk
