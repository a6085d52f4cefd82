// Copies of dense matrices into lines that start and end at multiples of 16 bytes, as TMA wants them.
#pragma once

#include <cstdint>

#include <bsk/types.h>

namespace bsk {

/// `batch` matrices of `count` lines of `length` elements each; strides in elements.
struct Lines {
    std::int64_t count = 0;
    std::int64_t length = 0;
    std::int64_t batch = 1;
};
struct LineStrides {
    std::int64_t line = 0;
    std::int64_t matrix = 0;
};

/// Loads the kernel, so that a first launch in a graph capture need not.
void prepare_copy_lines();

/// Copies all elements on `stream`, and zeros behind each line until it has `target_length` >= length elements. What lies
/// between lines is neither read nor written else. Pointers need the alignment of an element of `element_bytes` (2 or
/// 4) only.
/// @throws Error cuda_error
void launch_copy_lines(const Lines& lines, int element_bytes, const void* source, const LineStrides& from,
                       void* target, const LineStrides& to, std::int64_t target_length, Stream stream);

}  // namespace bsk
