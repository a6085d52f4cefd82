#include "device_problem.h"

#include <utility>

#include "plan/schedule_hopper.h"

namespace bsk::test {

namespace {

void upload_bytes(const DeviceBuffer& to, const std::vector<std::byte>& from) {
    if (!from.empty()) {
        check_cuda(cudaMemcpy(to.as<void>(), from.data(), from.size(), cudaMemcpyHostToDevice), "cudaMemcpy");
    }
}

std::vector<std::byte> download_bytes(const DeviceBuffer& from) {
    std::vector<std::byte> bytes(from.bytes());
    if (!bytes.empty()) {
        check_cuda(cudaMemcpy(bytes.data(), from.as<void>(), bytes.size(), cudaMemcpyDeviceToHost),
                   "cudaMemcpy");
    }
    return bytes;
}

}  // namespace

DeviceProblem::DeviceProblem(Problem problem, int device)
    : problem_(std::move(problem)), device_{DeviceType::cuda, device} {
    const DeviceGuard guard(device);  // buffers are allocated on the current device
    crow_ = DeviceBuffer(problem_.crow.size());
    cols_ = DeviceBuffer(problem_.cols.size());
    values_ = DeviceBuffer(problem_.a.values.size());
    b_ = DeviceBuffer(problem_.b.size());
    c_ = DeviceBuffer(problem_.c.size());
    residual_ = DeviceBuffer(problem_.residual.size());
    bias_ = DeviceBuffer(problem_.bias.size());
    upload(problem_);
}

void DeviceProblem::upload(const Problem& problem) {
    problem_ = problem;
    upload_bytes(crow_, problem.crow);
    upload_bytes(cols_, problem.cols);
    upload_bytes(values_, problem.a.values);
    upload_bytes(b_, problem.b);
    upload_bytes(residual_, problem.residual);
    upload_bytes(bias_, problem.bias);
    restore_c();
}

void DeviceProblem::restore_c() {
    const DeviceGuard guard(device_.index);
    upload_bytes(c_, problem_.c);
    // cudaMemcpy from pageable memory may return before its last bytes arrive, and the tests' streams do not
    // wait.
    check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
}

Addresses DeviceProblem::addresses() const {
    return {crow_.as<void>(), cols_.as<void>(),     values_.as<void>(), b_.as<void>(),
            c_.as<void>(),    residual_.as<void>(), bias_.as<void>(),   device_};
}

std::vector<std::byte> DeviceProblem::download_c() const {
    return download_bytes(c_);
}

Plan DeviceProblem::plan(const std::string& kernel) const {
    return make_plan(a(), problem_.dense_side(), device_, {kernel});
}

void DeviceProblem::launch(const Plan& plan, cudaStream_t stream) const {
    spmm(plan, a(), b(), c(), problem_.spec.alpha, problem_.spec.beta, stream, epilogue());
}

::testing::AssertionResult DeviceProblem::check(const Plan& plan) const {
    if (download_bytes(crow_) != problem_.crow || download_bytes(cols_) != problem_.cols ||
        download_bytes(values_) != problem_.a.values || download_bytes(b_) != problem_.b ||
        download_bytes(residual_) != problem_.residual || download_bytes(bias_) != problem_.bias) {
        return ::testing::AssertionFailure() << problem_.spec.name << ": an input was overwritten";
    }
    const bool rounds_product = plan.explain().find(kRoundsProduct) != std::string::npos;
    return problem_.check(download_c(), rounds_product);
}

}  // namespace bsk::test
