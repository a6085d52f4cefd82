// Copies of dense matrices into lines that start and end at multiples of 16 bytes, as TMA wants them.
#pragma once

#include <cstdint>

#include <bsk/types.h>

#include "base/lines.h"

namespace bsk {

/// From line to line and from matrix to matrix of a batch, in elements.
struct LineStrides {
    std::int64_t line = 0;
    std::int64_t matrix = 0;
};

/// Loads the kernels, so that a first launch in a graph capture need not.
void prepare_copy_lines();

/// Copies the lines of `batch` matrices on `stream`, and zeros behind each line until it has `target_length` >= length elements. What lies
/// between lines is neither read nor written else. Pointers need the alignment of an element of `element_bytes` (2 or
/// 4) only.
/// @throws Error cuda_error
void launch_copy_lines(const Lines& lines, std::int64_t batch, int element_bytes, const void* source,
                       const LineStrides& from, void* target, const LineStrides& to,
                       std::int64_t target_length, Stream stream);

}  // namespace bsk
