// The operands of a case in the memory of a CUDA device, and what GPU tests share.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <bsk/device.h>
#include <bsk/spmm.h>

#include "base/cuda.h"
#include "battery/problem.h"

namespace bsk::test {

/// Skips its tests, with the reason, where there are fewer than `Devices` CUDA devices.
template <class Base, int Devices = 1>
class NeedsCuda : public Base {
protected:
    void SetUp() override {
        const int count = cuda_device_count();
        if (count < Devices) {
            GTEST_SKIP() << "needs " << Devices << " CUDA device(s), found " << count << ". "
                         << cuda_unavailable_reason();
        }
    }
};

/// A stream of the current device that does not wait for the default stream.
class TestStream {
public:
    TestStream() {
        check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
    }
    ~TestStream() { cudaStreamDestroy(stream_); }
    TestStream(const TestStream&) = delete;
    TestStream& operator=(const TestStream&) = delete;

    [[nodiscard]] cudaStream_t get() const { return stream_; }
    void synchronize() const { check_cuda(cudaStreamSynchronize(stream_), "cudaStreamSynchronize"); }

private:
    cudaStream_t stream_ = nullptr;
};

/// Copies of a problem's arrays on one device.
class DeviceProblem {
public:
    explicit DeviceProblem(Problem problem, int device = 0);

    /// Overwrites the arrays by those of a problem of the same sizes.
    void upload(const Problem& problem);
    /// Puts C back to what it held before a product.
    void restore_c();

    [[nodiscard]] const Problem& problem() const { return problem_; }
    [[nodiscard]] Addresses addresses() const;
    [[nodiscard]] BsrView a() const { return problem_.a_view(addresses()); }
    [[nodiscard]] ConstMatrixView b() const { return problem_.b_view(addresses()); }
    [[nodiscard]] MatrixView c() const { return problem_.c_view(addresses()); }
    [[nodiscard]] std::vector<std::byte> download_c() const;

    [[nodiscard]] Plan plan(const std::string& kernel = "") const;
    void launch(const Plan& plan, cudaStream_t stream) const;

    [[nodiscard]] Epilogue epilogue() const { return problem_.epilogue(addresses()); }

    /// Is C right, its surroundings untouched, and every input as it was?
    /// @param plan  that was used: some say that they round products before the epilogue
    [[nodiscard]] ::testing::AssertionResult check(const Plan& plan) const;

private:
    Problem problem_;
    Device device_;
    DeviceBuffer crow_;
    DeviceBuffer cols_;
    DeviceBuffer values_;
    DeviceBuffer b_;
    DeviceBuffer c_;
    DeviceBuffer residual_;
    DeviceBuffer bias_;
};

}  // namespace bsk::test
