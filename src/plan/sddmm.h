// From a pattern, two dense operands and a device to the kernel of a sampled product and its order of work.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <bsk/bsr.h>
#include <bsk/device.h>
#include <bsk/sddmm.h>

#include "plan/cost_model.h"
#include "plan/schedule.h"
#include "plan/sddmm_tiles.h"

namespace bsk {

enum class SddmmKernel : int { sddmm_cpu = 0, sddmm_simt, sddmm_sm80, sddmm_sm90 };

/// In the order in which they are tried.
inline constexpr std::array kSddmmKernels{SddmmKernel::sddmm_sm90, SddmmKernel::sddmm_sm80,
                                          SddmmKernel::sddmm_simt, SddmmKernel::sddmm_cpu};

[[nodiscard]] const char* name(SddmmKernel kernel);
/// As their namesakes in kernels.h.
[[nodiscard]] const char* needs(SddmmKernel kernel);
[[nodiscard]] bool is_built(SddmmKernel kernel);
[[nodiscard]] KernelCode code_for(SddmmKernel kernel, const DeviceModel& device);

inline constexpr int kSddmmStep = 64;  ///< of n that sddmm_sm90 multiplies at a time

struct HostSddmmPlan {
    SddmmProblem problem;  ///< with ld filled in
    SddmmKernel kernel = SddmmKernel::sddmm_cpu;
    std::vector<SddmmTile> tiles;  ///< sddmm_sm90 only, as is the schedule
    Schedule schedule;             ///< its items' tile_row is a tile; the blocks of its parts are steps
    double predicted_seconds = 0;
    CostTerms terms;                   ///< what predicted_seconds is made of
    std::vector<std::string> reasons;  ///< sentences, in the order of the decisions
};

/// Checks the dense operands against the pattern and fills in ld where it is 0.
/// @throws Error invalid_argument, dtype_mismatch, too_large
[[nodiscard]] SddmmProblem check_problem(const BsrView& a, SddmmProblem problem);

/// @param a       sizes, block, dtype and nnzb of the pattern; its pointers are not read
/// @param crow    crow_indices on the host [block_rows + 1]
/// @param col     col_indices on the host [nnzb]
/// @param kernel  to use; empty for the first of kSddmmKernels that can
/// @throws Error invalid_argument for a name that is not known, unsupported where that kernel cannot compute it
[[nodiscard]] HostSddmmPlan plan_sddmm(const BsrView& a, const std::vector<std::int32_t>& crow,
                                       const std::vector<std::int32_t>& col, const SddmmProblem& problem,
                                       const DeviceModel& device, const std::string& kernel);

/// What a round of so many parts a tile costs beside their steps and a tile.
[[nodiscard]] double sddmm_parts_seconds(int parts);

/// Tiles of `steps` steps each for `streams` streams, round by round. In a round every stream takes a whole tile, or every
/// stream takes one of p equal parts of a tile along n; the last rounds may use parts, of a number that makes the makespan
/// short. Equal parts start at the same few places, so that streams still share what they read.
[[nodiscard]] Schedule make_sddmm_schedule(std::int64_t tiles, std::int64_t steps, int streams,
                                           double step_seconds, double tile_seconds);

}  // namespace bsk
