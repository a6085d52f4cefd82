#include "format/indices.h"

#include <limits>

#include "base/check.h"

namespace bsk {

std::vector<std::int32_t> copy_indices(const void* data, IndexType type, std::int64_t count) {
    return visit_indices(data, type, [&](const auto* indices) {
        std::vector<std::int32_t> copy(static_cast<std::size_t>(count));
        for (std::int64_t i = 0; i < count; ++i) {
            const std::int64_t index = indices[i];
            require(index >= std::numeric_limits<std::int32_t>::min() && index <= kInt32Max,
                    ErrorCode::too_large, "index {} at position {} does not fit int32", index, i);
            copy[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(index);
        }
        return copy;
    });
}

Indices copy_indices(const BsrView& a) {
    return {copy_indices(a.crow_indices, a.index_type, a.block_rows() + 1),
            copy_indices(a.col_indices, a.index_type, a.nnzb)};
}

}  // namespace bsk
