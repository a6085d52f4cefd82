// One product to measure: A in BSR form, dense B, room for C, and the oracle that judges what was computed.
// All implementations read the same B and write the same C; all but a dense reference read the same A.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <bsk/bsr.h>
#include <bsk/types.h>

#include "base/cuda.h"
#include "bench/oracle.h"

namespace bsk::bench {

/// generate_dense() stream of B; A draws from streams of its own.
inline constexpr std::uint64_t kStreamOfB = 0xB;

struct CaseOptions {
    GenerateOptions a;  ///< pattern, m, k, block, density, dtype (also of B), seed
    std::int64_t n = 0;
    DType c_dtype = DType::f16;
    Layout b_layout = Layout::row_major;
    Layout c_layout = Layout::row_major;
};

class Case {
public:
    /// Generates A and B from the seed and copies them to `device`.
    Case(const CaseOptions& options, Device device);

    [[nodiscard]] const CaseOptions& options() const { return options_; }
    [[nodiscard]] const BsrMatrix& a_host() const { return a_; }
    /// On the case's device.
    [[nodiscard]] BsrView a() const;
    [[nodiscard]] ConstMatrixView b() const;
    [[nodiscard]] MatrixView c() const;

    /// Fills C with NaN, so that an element left unwritten shows.
    void poison_c();
    /// Judges what C holds. The device must be idle.
    [[nodiscard]] ErrorFigures check_c(double tolerance) const;

    /// 2 * nnzb * block_m * block_k * n: the work that the pattern asks for.
    [[nodiscard]] double executed_flop() const;
    /// 2 * m * n * k: the work of the same product done densely.
    [[nodiscard]] double dense_flop() const;

private:
    CaseOptions options_;
    Device device_;
    BsrMatrix a_;
    std::vector<std::byte> b_;
    mutable std::vector<std::byte> c_;  ///< C itself on the CPU, else where check_c() brings it
    Oracle oracle_;
    DeviceBuffer crow_indices_;  ///< the four below stay empty on the CPU
    DeviceBuffer col_indices_;
    DeviceBuffer values_;
    DeviceBuffer dense_;   ///< B
    DeviceBuffer result_;  ///< C
};

}  // namespace bsk::bench
