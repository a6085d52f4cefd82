// The C ABI of a library of peers, which Python loads with ctypes (blackwellsparsek/benchmarking/native.py).
// Included by exactly one source of each library, which defines make_peer().
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>

#include <cuda_runtime_api.h>

extern "C" {

/// C = A*B on the current device; B is [k, n] and C is [m, n], both row-major, of A's dtype. What A's arrays are
/// is up to the format:
///   bsr          offsets [m/block + 1], indices [count], values [count, block, block]; count = stored blocks
///   blocked_ell  indices [m/block, count] with -1 in unused places, values [m, count*block]; count = blocks a row
///   dense        values [m, k]
///   2to4         values [m, k] with at most two nonzeros in each aligned group of four along k
struct bsk_peer_product {
    std::int64_t m, n, k;
    std::int64_t block;
    std::int64_t count;
    std::int32_t dtype;  ///< bsk::DType: 0 float16, 1 bfloat16, 2 float32
    const std::int32_t* offsets;
    const std::int32_t* indices;
    const void* values;
    const void* b;
    void* c;
};

}  // extern "C"

namespace bsk::peers {

/// One prepared product; its arrays must outlive it.
class Peer {
public:
    Peer() = default;
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;
    virtual ~Peer() = default;
    /// Enqueues the product.
    virtual void launch(cudaStream_t stream) = 0;
    /// Everything that decides the speed, in words.
    [[nodiscard]] virtual std::string settings() const = 0;
};

/// @throws std::exception that says why the library cannot compute this product.
std::unique_ptr<Peer> make_peer(const std::string& format, const bsk_peer_product& product);

thread_local std::string last_error;

/// What `function` returns, or `on_error` with the reason in last_error.
template <class Function, class Result>
Result guarded(Function&& function, Result on_error) noexcept {
    try {
        return function();
    } catch (const std::exception& error) {
        last_error = error.what();
    }
    return on_error;
}

/// A made peer and its settings, whose text must live as long as the caller reads it.
struct Handle {
    std::unique_ptr<Peer> peer;
    std::string settings;
};

}  // namespace bsk::peers

#define BSK_PEER_EXPORT extern "C" __attribute__((visibility("default")))

/// Null on error.
BSK_PEER_EXPORT void* bsk_peer_create(const char* format, const bsk_peer_product* product) {
    return bsk::peers::guarded(
        [&]() -> void* {
            std::unique_ptr<bsk::peers::Peer> peer = bsk::peers::make_peer(format, *product);
            std::string settings = peer->settings();
            return new bsk::peers::Handle{std::move(peer), std::move(settings)};
        },
        static_cast<void*>(nullptr));
}

/// 0, or 1 on error.
BSK_PEER_EXPORT int bsk_peer_launch(void* handle, void* stream) {
    return bsk::peers::guarded(
        [&] {
            static_cast<bsk::peers::Handle*>(handle)->peer->launch(static_cast<cudaStream_t>(stream));
            return 0;
        },
        1);
}

BSK_PEER_EXPORT void bsk_peer_destroy(void* handle) {
    delete static_cast<bsk::peers::Handle*>(handle);
}

/// Lives until the peer is destroyed.
BSK_PEER_EXPORT const char* bsk_peer_settings(void* handle) {
    return static_cast<bsk::peers::Handle*>(handle)->settings.c_str();
}

/// Of the calling thread's last call that failed.
BSK_PEER_EXPORT const char* bsk_peer_error() {
    return bsk::peers::last_error.c_str();
}
