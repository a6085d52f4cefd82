// What the CUTLASS peers share: the element type of a build, checked calls, and a GemmUniversalAdapter as a peer.
#pragma once

#include <string>

#include <cutlass/cutlass.h>
#include <cutlass/version.h>

#include "abi.h"

namespace bsk::peers {

#if BSK_PEER_DTYPE == 1
using Element = cutlass::bfloat16_t;
#else
using Element = cutlass::half_t;
#endif

/// Elements in the 16 bytes that a load or a store takes.
inline constexpr int kAlignment = 8;

inline void check(cutlass::Status status, const char* call) {
    if (status != cutlass::Status::kSuccess) {
        throw std::runtime_error(std::string("CUTLASS: ") + call +
                                 " failed: " + cutlassGetStatusString(status) + ".");
    }
}

inline void check(cudaError_t status, const char* call) {
    if (status != cudaSuccess) {
        throw std::runtime_error(std::string(call) + " failed: " + cudaGetErrorString(status) + ".");
    }
}

inline void require_format(const std::string& got, const char* expected, const bsk_peer_product& product) {
    if (got != expected || product.dtype != BSK_PEER_DTYPE) {
        throw std::runtime_error("This library computes format " + std::string(expected) + " in dtype " +
                                 std::to_string(BSK_PEER_DTYPE) + ", not " + got + " in dtype " +
                                 std::to_string(product.dtype) + ".");
    }
}

inline std::string version() {
    return "CUTLASS " + std::to_string(CUTLASS_MAJOR) + "." + std::to_string(CUTLASS_MINOR) + "." +
           std::to_string(CUTLASS_PATCH);
}

class DeviceMemory {
public:
    explicit DeviceMemory(std::size_t bytes) {
        if (bytes > 0) {
            check(cudaMalloc(&data_, bytes), "cudaMalloc");
        }
    }
    DeviceMemory(const DeviceMemory&) = delete;
    DeviceMemory& operator=(const DeviceMemory&) = delete;
    ~DeviceMemory() { cudaFree(data_); }
    [[nodiscard]] void* get() const { return data_; }

private:
    void* data_ = nullptr;
};

/// One initialized `Gemm`, which only launches afterwards.
template <class Gemm>
class GemmPeer : public Peer {
public:
    GemmPeer(const typename Gemm::Arguments& arguments, std::string settings)
        : workspace_(Gemm::get_workspace_size(arguments)), settings_(version() + ", " + std::move(settings)) {
        check(Gemm::can_implement(arguments), "can_implement");
        check(gemm_.initialize(arguments, workspace_.get()), "initialize");
    }
    void launch(cudaStream_t stream) override { check(gemm_.run(stream), "run"); }
    [[nodiscard]] std::string settings() const override { return settings_; }

private:
    DeviceMemory workspace_;
    Gemm gemm_;
    std::string settings_;
};

}  // namespace bsk::peers
