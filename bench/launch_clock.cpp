#include "bench/launch_clock.h"

#include <atomic>
#include <chrono>

#include "base/cuda.h"

namespace bsk::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

double ms_since(SteadyClock::time_point start) {
    return std::chrono::duration<double, std::milli>(SteadyClock::now() - start).count();
}

/// Holds a stream back until everything to be timed is enqueued, so that the host's launch latency is not
/// counted. It opens by itself after a while: a library that synchronises inside a call would wait forever
/// otherwise.
class Gate {
public:
    void hold(cudaStream_t stream) {
        open_.store(false);
        check_cuda(cudaLaunchHostFunc(stream, &Gate::wait, this), "cudaLaunchHostFunc");
    }
    void release() { open_.store(true); }

private:
    static constexpr double kLongestWaitMs = 2;

    static void wait(void* gate) {
        const auto start = SteadyClock::now();
        while (!static_cast<Gate*>(gate)->open_.load() && ms_since(start) < kLongestWaitMs) {
        }
    }

    std::atomic<bool> open_{true};
};

class CudaClock final : public LaunchClock {
public:
    explicit CudaClock(int device) : guard_(device) {
        check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
        check_cuda(cudaEventCreate(&start_), "cudaEventCreate");
        check_cuda(cudaEventCreate(&stop_), "cudaEventCreate");
    }
    ~CudaClock() override {
        gate_.release();
        cudaStreamSynchronize(stream_);
        cudaEventDestroy(stop_);
        cudaEventDestroy(start_);
        cudaStreamDestroy(stream_);
    }
    CudaClock(const CudaClock&) = delete;
    CudaClock& operator=(const CudaClock&) = delete;

    double isolated_ms(Implementation& implementation) override {
        return elapsed_ms(implementation, 1, [] {});
    }

    std::optional<double> back_to_back_ms(Implementation& implementation, int count,
                                          const std::function<void()>& under_load) override {
        return elapsed_ms(implementation, count, under_load) / count;
    }

private:
    double elapsed_ms(Implementation& implementation, int count, const std::function<void()>& under_load) {
        gate_.hold(stream_);
        check_cuda(cudaEventRecord(start_, stream_), "cudaEventRecord");
        for (int i = 0; i < count; ++i) {
            implementation.launch(stream_);
        }
        check_cuda(cudaEventRecord(stop_, stream_), "cudaEventRecord");
        gate_.release();
        under_load();
        check_cuda(cudaEventSynchronize(stop_), "cudaEventSynchronize");
        float ms = 0;
        check_cuda(cudaEventElapsedTime(&ms, start_, stop_), "cudaEventElapsedTime");
        return ms;
    }

    DeviceGuard guard_;
    Gate gate_;
    cudaStream_t stream_ = nullptr;
    cudaEvent_t start_ = nullptr;
    cudaEvent_t stop_ = nullptr;
};

class CpuClock final : public LaunchClock {
public:
    double isolated_ms(Implementation& implementation) override {
        const auto start = SteadyClock::now();
        implementation.launch(nullptr);
        return ms_since(start);
    }
    std::optional<double> back_to_back_ms(Implementation&, int, const std::function<void()>&) override {
        return std::nullopt;
    }
};

}  // namespace

std::unique_ptr<LaunchClock> make_launch_clock(Device device) {
    if (device.type == DeviceType::cuda) {
        return std::make_unique<CudaClock>(device.index);
    }
    return std::make_unique<CpuClock>();
}

}  // namespace bsk::bench
