// Elements as bit patterns: moving values between layouts needs neither arithmetic nor the dtype, only its
// size.
#pragma once

#include <cstdint>

#include <bsk/types.h>

namespace bsk {

/// Calls `visitor(Bits{})` with the unsigned integer of an element's size.
template <class Visitor>
decltype(auto) visit_bits(DType dtype, Visitor&& visitor) {
    if (dtype == DType::f32) {
        return visitor(std::uint32_t{});
    }
    return visitor(std::uint16_t{});
}

/// Whether an element is neither +0 nor -0: a bit below the sign, the top bit of every dtype, is set.
template <class Bits>
bool is_nonzero(Bits element) {
    return static_cast<Bits>(element << 1) != 0;
}

template <class Bits>
bool any_nonzero(const Bits* elements, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
        if (is_nonzero(elements[i])) {
            return true;
        }
    }
    return false;
}

}  // namespace bsk
