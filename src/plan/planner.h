// From a pattern, a shape and a device to the kernel, its tiles and its order of work. Host code only: it
// plans for devices that are not there as well.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <bsk/bsr.h>
#include <bsk/device.h>
#include <bsk/plan.h>

#include "plan/cost_model.h"
#include "plan/kernels.h"
#include "plan/row_pairs.h"
#include "plan/schedule.h"
#include "plan/union_lists.h"

namespace bsk {

/// The cost of a tile, which is linear or near to it in what the tile multiplies.
struct TileSeconds {
    double fixed = 0;
    /// For each stored block of its block row; spmm_sm90_pairs: 64 x 64 of A in its pair; spmm_sm90_small: product of
    /// its group.
    double unit = 0;
    /// spmm_sm90_pairs, spmm_sm90_small: for each piece of B, and what it brings of A on average
    double step = 0;
};

struct HostPlan {
    SpmmProblem problem;  ///< with ld and strides filled in
    KernelChoice choice;
    Schedule schedule;  ///< empty for kernels that order their own work (all but the sm90 kernels)
    TileSeconds tile;   ///< of scheduled kernels
    RowPairs pairs;     ///< spmm_sm90_pairs only
    UnionLists lists;   ///< spmm_sm90_small only
    /// Of A's values in the kernel's own form; 0 where it reads them as they are.
    std::int64_t packed_bytes = 0;
    /// A is transposed and the kernel reads it from a copy of the values with transposed blocks.
    bool transposes_values = false;
    /// spmm_sm80 reads a column-major B from a stream-ordered row-major copy, whatever lines B has.
    bool transposes_b = false;
    /// The kernel works on stream-ordered copies of B or C in their own layouts (copies.h).
    bool copies_b = false;
    bool copies_c = false;
    /// Threads of a Hopper kernel store C, whose lines TMA cannot write, and read a residual from a stream-ordered copy.
    bool stores_c_by_threads = false;
    /// Lines of A and C are the first that L2 evicts, so that B's strip stays. spmm_sm90 and spmm_sm90_pairs only.
    bool keeps_b_in_l2 = false;
    double predicted_seconds = 0;
    CostTerms terms;                   ///< what predicted_seconds is made of
    std::vector<std::string> reasons;  ///< sentences, in the order of the decisions

    /// The kernel stores by TMA, which cannot write C where it lies.
    [[nodiscard]] bool c_is_off_tma() const { return copies_c || stores_c_by_threads; }
};

/// Checks the dense side against A and fills in ld and strides where they are 0.
/// @throws Error invalid_argument, dtype_mismatch, too_large
[[nodiscard]] SpmmProblem check_problem(const BsrView& a, SpmmProblem problem);

/// `ld` of a dense rows x cols matrix, checked; the tightest where it is 0. `argument` names it in messages.
/// @throws Error invalid_argument, too_large
[[nodiscard]] std::int64_t filled_ld(const char* argument, std::int64_t ld, Layout layout, std::int64_t rows,
                                     std::int64_t cols);

/// @param a     sizes, block, dtype and nnzb of A; its pointers are not read
/// @param crow  A's crow_indices on the host [block_rows + 1]
/// @param col   A's col_indices on the host [nnzb]
/// @param no_cublas  why cuBLAS cannot be used; empty where it can, and for a device that is not there
/// @throws Error unsupported where the kernel asked for cannot compute the product
[[nodiscard]] HostPlan plan_spmm(const BsrView& a, const std::vector<std::int32_t>& crow,
                                 const std::vector<std::int32_t>& col, const SpmmProblem& problem,
                                 const DeviceModel& device, const PlanOptions& options,
                                 const std::string& no_cublas = "");

}  // namespace bsk
