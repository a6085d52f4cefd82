// Which blocks a generated matrix stores.
#pragma once

#include "format/random.h"

#include <bsk/bsr.h>

namespace bsk {

/// Fills crow_indices and col_indices of `a`, which stores no block yet.
void fill_pattern(BsrMatrix& a, Pattern pattern, double density, Random random);

}  // namespace bsk
