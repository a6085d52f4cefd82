// Checks of the inputs of the format layer that are no part of the public API.
#pragma once

#include <bsk/bsr.h>

namespace bsk {

/// validate(), and that the values are there.
void validate_with_values(const BsrView& a);

/// @throws Error invalid_argument (sizes) or invalid_pattern for a malformed CSR matrix; columns may be
/// unsorted or occur twice.
void validate(const CsrMatrix& csr);

}  // namespace bsk
