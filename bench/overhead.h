// What a launch costs the host.
#pragma once

#include <atomic>
#include <vector>

#include <bsk/types.h>

#include "bench/implementation.h"

namespace bsk::bench {

/// Microseconds of each of many asynchronous launches, ascending. Nothing synchronises inside; the queue is
/// drained between batches, so that it never fills and blocks. Needs a CUDA device.
[[nodiscard]] std::vector<double> measure_overhead_us(Implementation& implementation, Device device,
                                                      const std::atomic<bool>& stop);

}  // namespace bsk::bench
