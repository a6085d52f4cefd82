// Host element types: half and bfloat16 come from Eigen, whose conversions round to nearest even.
#pragma once

#include <cstdint>

#include <Eigen/Core>

#include <bsk/types.h>

namespace bsk {

template <class T>
struct ElementTag {
    using type = T;
};

/// Calls `visitor(ElementTag<T>{})` with the host type of `dtype`.
template <class Visitor>
decltype(auto) visit_dtype(DType dtype, Visitor&& visitor) {
    switch (dtype) {
        case DType::f16: return visitor(ElementTag<Eigen::half>{});
        case DType::bf16: return visitor(ElementTag<Eigen::bfloat16>{});
        case DType::f32: break;
    }
    return visitor(ElementTag<float>{});
}

/// Element offset of (i, j) in a dense matrix.
constexpr std::int64_t dense_offset(Layout layout, std::int64_t ld, std::int64_t i, std::int64_t j) {
    return layout == Layout::row_major ? i * ld + j : j * ld + i;
}

}  // namespace bsk
