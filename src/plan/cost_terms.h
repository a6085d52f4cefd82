// What a product is predicted to cost before any order of work is made: terms of the cost model for the kernels that have
// none, bounds for those that have, and passes over operands.
#pragma once

#include <cstdint>

#include <bsk/bsr.h>
#include <bsk/device.h>
#include <bsk/plan.h>

#include "plan/cost_model.h"
#include "plan/kernels.h"
#include "plan/sm80_tile.h"

namespace bsk {

/// How spmm_sm80 computes a product.
struct Sm80Choice {
    Sm80Tile tile;
    bool transposes_b = false;  ///< B is column-major and read from a row-major copy
    CostTerms terms;            ///< without the copy
    double seconds = 0;         ///< with it
};

/// The way by which spmm_sm80 is predicted to be fastest.
/// @param longest_row  the most blocks that a block row of A stores
[[nodiscard]] Sm80Choice choose_sm80(const BsrView& a, std::int64_t longest_row, const SpmmProblem& problem,
                                     const DeviceModel& device);

/// Terms of the kernels whose order of work is not planned.
/// @param longest_row  the most blocks that a block row of A stores
[[nodiscard]] CostTerms unscheduled_terms(KernelId kernel, const BsrView& a, std::int64_t longest_row,
                                          const SpmmProblem& problem, const DeviceModel& device);

/// The least time that a kernel may be predicted to take, without planning its order of work.
[[nodiscard]] double least_seconds(KernelId kernel, const BsrView& a, std::int64_t longest_row,
                                   const SpmmProblem& problem, const DeviceModel& device);

/// Writing A's blocks into a dense matrix.
[[nodiscard]] double expand_seconds(const BsrView& a, const DeviceModel& device);

/// Writing a transposed copy of the values, or of B.
[[nodiscard]] double transpose_values_seconds(const BsrView& a, const DeviceModel& device);
[[nodiscard]] double transpose_b_seconds(const BsrView& a, const SpmmProblem& problem,
                                         const DeviceModel& device);

}  // namespace bsk
