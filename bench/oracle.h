// Judges a product against sums in double precision on a sample of its elements; the whole of an 8192^3
// product would take the host minutes.
#pragma once

#include <cstdint>
#include <vector>

#include <bsk/bsr.h>
#include <bsk/types.h>

namespace bsk::bench {

struct ErrorFigures {
    double rel_frobenius = 0;  ///< ||C - oracle|| / ||oracle|| over the sample
    double max_abs = 0;        ///< largest |C - oracle| over the sample
    double tolerance = 0;      ///< the largest rel_frobenius that counts as correct
    bool correct = false;      ///< within the tolerance, and every element of C is finite
};

/// The relative Frobenius error that one rounding to C's dtype allows; fp32 leaves the order of accumulation.
[[nodiscard]] double rounding_tolerance(DType c_dtype);

class Oracle {
public:
    /// Samples up to 64 rows of each of up to 16 block rows, and up to 64 columns, drawn from `seed`.
    Oracle(const BsrMatrix& a, const ConstMatrixView& b, std::uint64_t seed);

    /// `c` is m x n on the host.
    [[nodiscard]] ErrorFigures compare(const ConstMatrixView& c, double tolerance) const;

private:
    std::vector<std::int64_t> rows_;
    std::vector<std::int64_t> cols_;
    std::vector<double> expected_;  ///< [rows_, cols_] row-major
};

}  // namespace bsk::bench
