// Error raising used by every layer, but not by CUDA sources: nvcc rejects fmt 9 in C++20.
#pragma once

#include <utility>

#include <fmt/format.h>

#include <bsk/error.h>

#include "base/math.h"

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

}  // namespace bsk
