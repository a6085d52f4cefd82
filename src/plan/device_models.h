// Figures of devices, by name and by what the driver says of a device that is here.
#pragma once

#include <string>

#include <bsk/device.h>

namespace bsk {

/// The rates of a CUDA device of which name, compute capability, sm_count and memory are known: those of the
/// published model of that name where there is one, else scaled from the closest by sm_count.
void fill_rates(DeviceModel& device);

/// The machine's own processor.
[[nodiscard]] DeviceModel cpu_model();

}  // namespace bsk
