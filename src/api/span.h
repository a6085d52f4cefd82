// Which bytes an operand takes, to see whether two overlap.
#pragma once

#include <cstddef>
#include <cstdint>

#include <bsk/types.h>

#include "base/lines.h"

namespace bsk {

/// The bytes a dense view spans.
struct Span {
    const std::byte* begin;
    const std::byte* end;
};

/// `batch` such matrices, `stride` elements apart.
inline Span span_of(const ConstMatrixView& x, std::int64_t batch, std::int64_t stride) {
    const auto* begin = static_cast<const std::byte*>(x.data);
    const auto [lines, line] = lines_of(x.layout, x.rows, x.cols);
    const std::int64_t elements = lines * line == 0 ? 0 : (batch - 1) * stride + (lines - 1) * x.ld + line;
    return {begin, begin + elements * size_of(x.dtype)};
}

/// `elements` in a row; nothing where `data` is null.
inline Span span_of_elements(const void* data, std::int64_t elements, DType dtype) {
    const auto* begin = static_cast<const std::byte*>(data);
    return {begin, begin + (begin == nullptr ? 0 : elements * size_of(dtype))};
}

inline bool overlap(const Span& a, const Span& b) {
    return a.begin < b.end && b.begin < a.end;
}

}  // namespace bsk
