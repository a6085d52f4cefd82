// What the schedules of the Hopper kernels have in common: streams (clusters of CTAs that work through tiles of C), which
// cluster size is kept, and how a plan explains them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <bsk/bsr.h>
#include <bsk/device.h>

#include "plan/planner.h"

namespace bsk {

/// The work of one strip.
struct StripWork {
    double tiles = 0;
    double steps = 0;
    double units = 0;
    double seconds = 0;  ///< by one stream
};

/// Strips of C that the clusters of a choice cut it into, and the clusters that run at a time.
[[nodiscard]] std::int64_t strips_of(const SpmmProblem& problem, const KernelChoice& choice);
[[nodiscard]] int streams_of(const KernelChoice& choice, const DeviceModel& device);

/// Cluster sizes worth a try: a cluster of 2 needs two column tiles.
[[nodiscard]] std::vector<int> cluster_sizes(std::int64_t n, int tile_n);

/// Keeps a choice and its schedule if that ends sooner than what the plan holds.
/// @param costed  the choice whose constants make up the schedule's costs
void consider(HostPlan& plan, const KernelChoice& choice, const KernelChoice& costed, int unit,
              const DeviceModel& device, Schedule schedule);

/// What the busiest stream does of the work of all strips, if it does its share of each kind of work.
[[nodiscard]] CostTerms busiest_stream(const HostPlan& plan, const BsrView& a, const std::string& variant,
                                       const StripWork& strip);

/// Predicted time and reasons of a scheduled kernel; `tiles` describes them.
void explain_schedule(HostPlan& plan, const BsrView& a, const DeviceModel& device, const std::string& tiles);

/// Whether the kernel keeps a finished tile in 16 bits and stores it while the next is computed.
[[nodiscard]] bool defers_store(const HostPlan& plan);

}  // namespace bsk
