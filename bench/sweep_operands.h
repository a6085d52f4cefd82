// What the products of a sweep read and write on the device, and the comparison of their results.
#pragma once

#include <cstdint>
#include <vector>

#include <bsk/bsr.h>
#include <bsk/types.h>

#include "base/cuda.h"
#include "base/lines.h"
#include "bench/case.h"
#include "bench/oracle.h"

namespace bsk::bench {

/// B and C on the device, for the largest n.
struct DenseOperands {
    DenseOperands(std::int64_t size, std::int64_t most_n, DType dtype, std::uint64_t seed)
        : c(static_cast<std::size_t>(size * most_n * size_of(dtype))) {
        const std::vector<std::byte> host = generate_dense(size * most_n, dtype, seed, kStreamOfB);
        b = DeviceBuffer(host.data(), host.size());
    }
    DeviceBuffer b;
    DeviceBuffer c;
};

/// One pattern and its values on the device, beside B and C.
class Operands {
public:
    Operands(const GenerateOptions& a, const DenseOperands& dense, Device device)
        : a_(generate(a)),
          crow_(a_.crow_indices.data(), a_.crow_indices.size() * sizeof(std::int32_t)),
          col_(a_.col_indices.data(), a_.col_indices.size() * sizeof(std::int32_t)),
          values_(a_.values.data(), a_.values.size()),
          dense_(dense),
          device_(device) {}

    [[nodiscard]] const BsrMatrix& a_host() const { return a_; }
    [[nodiscard]] BsrView a() const {
        BsrView view = a_.view();
        view.crow_indices = crow_.as<void>();
        view.col_indices = col_.as<void>();
        view.values = values_.as<void>();
        view.device = device_;
        return view;
    }
    /// The first k x n elements of B, as tight as they go; c() likewise.
    [[nodiscard]] ConstMatrixView b(std::int64_t n, Layout layout) const {
        return {dense_.b.as<void>(), a_.dtype, a_.k, n, layout, lines_of(layout, a_.k, n).length, device_};
    }
    [[nodiscard]] MatrixView c(std::int64_t n, Layout layout) const {
        return {dense_.c.as<void>(), a_.dtype, a_.m, n, layout, lines_of(layout, a_.m, n).length, device_};
    }

private:
    BsrMatrix a_;
    DeviceBuffer crow_;
    DeviceBuffer col_;
    DeviceBuffer values_;
    const DenseOperands& dense_;
    Device device_;
};

/// The first and the last 2^20 elements of C, or all of them twice where there are fewer.
[[nodiscard]] std::vector<float> sample(const MatrixView& c);

/// Judges one sample by another.
[[nodiscard]] ErrorFigures compare(const std::vector<float>& found, const std::vector<float>& expected,
                                   double tolerance);

}  // namespace bsk::bench
