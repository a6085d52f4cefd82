#include "bench/case.h"

#include <algorithm>

#include "base/lines.h"

namespace bsk::bench {
namespace {

/// Every byte of this value makes a NaN of each dtype.
constexpr int kPoison = 0xFF;

ConstMatrixView host_b(const CaseOptions& options, const std::vector<std::byte>& b) {
    return {b.data(),  options.a.dtype,  options.a.k,
            options.n, options.b_layout, lines_of(options.b_layout, options.a.k, options.n).length,
            Device{}};
}

}  // namespace

Case::Case(const CaseOptions& options, Device device)
    : options_(options),
      device_(device),
      a_(generate(options.a)),
      b_(generate_dense(options.a.k * options.n, options.a.dtype, options.a.seed, kStreamOfB)),
      c_(static_cast<std::size_t>(options.a.m * options.n * size_of(options.c_dtype))),
      oracle_(a_, host_b(options, b_), options.a.seed) {
    if (device.type == DeviceType::cpu) {
        return;
    }
    const DeviceGuard guard(device.index);
    crow_indices_ = DeviceBuffer(a_.crow_indices.data(), a_.crow_indices.size() * sizeof(std::int32_t));
    col_indices_ = DeviceBuffer(a_.col_indices.data(), a_.col_indices.size() * sizeof(std::int32_t));
    values_ = DeviceBuffer(a_.values.data(), a_.values.size());
    dense_ = DeviceBuffer(b_.data(), b_.size());
    result_ = DeviceBuffer(c_.size());
}

BsrView Case::a() const {
    BsrView view = a_.view();
    if (device_.type == DeviceType::cuda) {
        view.crow_indices = crow_indices_.as<void>();
        view.col_indices = col_indices_.as<void>();
        view.values = values_.as<void>();
        view.device = device_;
    }
    return view;
}

ConstMatrixView Case::b() const {
    ConstMatrixView view = host_b(options_, b_);
    if (device_.type == DeviceType::cuda) {
        view.data = dense_.as<void>();
        view.device = device_;
    }
    return view;
}

MatrixView Case::c() const {
    void* data = device_.type == DeviceType::cuda ? result_.as<void>() : c_.data();
    return {data,       options_.c_dtype,  options_.a.m,
            options_.n, options_.c_layout, lines_of(options_.c_layout, options_.a.m, options_.n).length,
            device_};
}

void Case::poison_c() {
    if (device_.type == DeviceType::cuda) {
        check_cuda(cudaMemset(result_.as<void>(), kPoison, result_.bytes()), "cudaMemset");
        check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    } else {
        std::ranges::fill(c_, std::byte{kPoison});
    }
}

ErrorFigures Case::check_c(double tolerance) const {
    if (device_.type == DeviceType::cuda) {
        check_cuda(cudaMemcpy(c_.data(), result_.as<void>(), c_.size(), cudaMemcpyDeviceToHost),
                   "cudaMemcpy");
    }
    const MatrixView view = c();
    return oracle_.compare({c_.data(), view.dtype, view.rows, view.cols, view.layout, view.ld, Device{}},
                           tolerance);
}

double Case::executed_flop() const {
    return 2.0 * static_cast<double>(a_.nnzb()) * a_.block_m * a_.block_k * static_cast<double>(options_.n);
}

double Case::dense_flop() const {
    return 2.0 * static_cast<double>(options_.a.m) * static_cast<double>(options_.a.k) *
           static_cast<double>(options_.n);
}

}  // namespace bsk::bench
