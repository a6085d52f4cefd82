// Sums over the lines of a dense matrix.
#pragma once

#include <cstdint>

#include <bsk/types.h>

namespace bsk {

inline constexpr int kSumRun = 8;  ///< elements: lines start and end at multiples of so many

/// Loads the kernels for `dtype`, float16 or bfloat16, on the current device, so that a first launch in a graph capture need
/// not. @throws Error cuda_error
void prepare_sum_lines(DType dtype);

/// sums[j] = the sum over i of source[i*ld + j], for `lines` lines of `length` elements of float16 or bfloat16: the gradient
/// of a bias. Adds in fp32, in the same order in every run, and rounds once. `source` and `sums` are on the current device,
/// `source` aligned to 16 bytes; length and ld are multiples of kSumRun.
/// @throws Error cuda_error
void launch_sum_lines(DType dtype, const void* source, std::int64_t lines, std::int64_t length,
                      std::int64_t ld, void* sums, Stream stream);

}  // namespace bsk
