// Parts of dense matrices as Eigen sees them.
#pragma once

#include <cstdint>
#include <type_traits>

#include <bsk/types.h>

#include "base/element.h"

namespace bsk {

template <class T>
using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Strides = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;

/// rows x cols elements of a dense matrix of any layout, from element (i, j) on.
template <class Element, class View>
auto submatrix(const View& view, std::int64_t i, std::int64_t j, std::int64_t rows, std::int64_t cols) {
    Element* data = static_cast<Element*>(view.data) + dense_offset(view.layout, view.ld, i, j);
    const Strides strides = view.layout == Layout::row_major ? Strides(view.ld, 1) : Strides(1, view.ld);
    using Plain = RowMajor<std::remove_const_t<Element>>;
    using Matrix = std::conditional_t<std::is_const_v<Element>, const Plain, Plain>;
    return Eigen::Map<Matrix, Eigen::Unaligned, Strides>(data, rows, cols, strides);
}

}  // namespace bsk
