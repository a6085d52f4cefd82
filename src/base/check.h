// Error raising and small integer helpers used by every layer.
#pragma once

#include <cstdint>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include <bsk/error.h>

namespace bsk {

template <class... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
    throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}

/// Throws unless `condition`; the message is formatted only then.
template <class... Args>
void require(bool condition, ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
    if (!condition) {
        fail(code, format, std::forward<Args>(args)...);
    }
}

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) { return ceil_div(a, b) * b; }
constexpr std::int64_t kInt32Max = std::numeric_limits<std::int32_t>::max();

}  // namespace bsk
