// Times single launches and full queues of an implementation.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <bsk/types.h>

#include "bench/implementation.h"

namespace bsk::bench {

class LaunchClock {
public:
    virtual ~LaunchClock() = default;
    /// One launch on an idle device, in ms; returns when it is done.
    virtual double isolated_ms(Implementation& implementation) = 0;
    /// Mean of `count` launches enqueued at once, in ms; `under_load` is called while they run. Empty on the
    /// CPU, where nothing is enqueued.
    virtual std::optional<double> back_to_back_ms(Implementation& implementation, int count,
                                                  const std::function<void()>& under_load) = 0;
};

[[nodiscard]] std::unique_ptr<LaunchClock> make_launch_clock(Device device);

}  // namespace bsk::bench
