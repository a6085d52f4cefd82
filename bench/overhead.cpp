#include "bench/overhead.h"

#include <algorithm>
#include <chrono>

#include "base/cuda.h"

namespace bsk::bench {
namespace {

constexpr int kBatches = 21;           // the first warms up
constexpr int kLaunchesOfABatch = 50;  // far below the 1024 that a queue holds

}  // namespace

std::vector<double> measure_overhead_us(Implementation& implementation, Device device,
                                        const std::atomic<bool>& stop) {
    const DeviceGuard guard(device.index);
    std::vector<double> us;
    for (int batch = 0; batch < kBatches && !stop; ++batch) {
        for (int i = 0; i < kLaunchesOfABatch; ++i) {
            const auto start = std::chrono::steady_clock::now();
            implementation.launch(nullptr);
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
