// Devices in messages: "the CPU", "CUDA device 1". A formatter, so that nothing is formatted unless the
// message is.
#pragma once

#include <fmt/format.h>

#include <bsk/types.h>

template <>
struct fmt::formatter<bsk::Device> {
    constexpr auto parse(format_parse_context& context) { return context.begin(); }

    auto format(const bsk::Device& device, format_context& context) const {
        return device.type == bsk::DeviceType::cpu
                   ? fmt::format_to(context.out(), "the CPU")
                   : fmt::format_to(context.out(), "CUDA device {}", device.index);
    }
};
