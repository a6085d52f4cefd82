// Small integer helpers used by every layer.
#pragma once

#include <cstdint>
#include <limits>

namespace bsk {

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
    return (a + b - 1) / b;
}
constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) {
    return ceil_div(a, b) * b;
}
constexpr std::int64_t kInt32Max = std::numeric_limits<std::int32_t>::max();

}  // namespace bsk
