#include "bench/overhead.h"

#include <algorithm>
#include <chrono>

#include "base/cuda.h"

namespace bsk::bench {
namespace {

constexpr int kBatches = 21;           // the first warms up
constexpr int kLaunchesOfABatch = 50;  // far below the 1024 that a queue holds

/// A stream of its own, as the products are timed on: the legacy default stream costs a launch about 1 us more.
class OwnStream {
public:
    OwnStream() {
        check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    }
    ~OwnStream() { cudaStreamDestroy(stream_); }
    OwnStream(const OwnStream&) = delete;
    OwnStream& operator=(const OwnStream&) = delete;
    [[nodiscard]] cudaStream_t get() const { return stream_; }

private:
    cudaStream_t stream_ = nullptr;
};

}  // namespace

std::vector<double> measure_overhead_us(Implementation& implementation, Device device,
                                        const std::atomic<bool>& stop) {
    const DeviceGuard guard(device.index);
    const OwnStream stream;
    std::vector<double> us;
    for (int batch = 0; batch < kBatches && !stop; ++batch) {
        for (int i = 0; i < kLaunchesOfABatch; ++i) {
            const auto start = std::chrono::steady_clock::now();
            implementation.launch(stream.get());
            const std::chrono::duration<double, std::micro> spent = std::chrono::steady_clock::now() - start;
            if (batch > 0) {
                us.push_back(spent.count());
            }
        }
        check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    }
    std::ranges::sort(us);
    return us;
}

}  // namespace bsk::bench
