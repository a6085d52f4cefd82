// Ctrl-C in commands that measure.
#pragma once

#include <atomic>

namespace bsk::cli {

/// The first Ctrl-C sets interrupted(), so that measuring ends after the current launch; a second one ends the process.
void watch_for_interrupt();
[[nodiscard]] const std::atomic<bool>& interrupted();

}  // namespace bsk::cli
