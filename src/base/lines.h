// A dense matrix as its lines, whatever its layout.
#pragma once

#include <cstdint>

#include <bsk/types.h>

namespace bsk {

/// Lines of a dense matrix: its rows where it is row-major, else its columns; and the elements of one.
struct Lines {
    std::int64_t count = 0;
    std::int64_t length = 0;
};

constexpr Lines lines_of(Layout layout, std::int64_t rows, std::int64_t cols) {
    return layout == Layout::row_major ? Lines{rows, cols} : Lines{cols, rows};
}

}  // namespace bsk
