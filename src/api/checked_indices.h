// The index arrays of a matrix that a plan is made for.
#pragma once

#include <bsk/bsr.h>

#include "format/indices.h"

namespace bsk {

/// Validates everything of `a` but the values and returns its indices, which lie on the host or on `device`.
/// @throws Error invalid_argument, invalid_pattern, device_mismatch, too_large, cuda_error
[[nodiscard]] Indices checked_indices(const BsrView& a, const Device& device);

}  // namespace bsk
