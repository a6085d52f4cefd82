// Numbers for the instances of a Hopper kernel: every combination of dtype, C's dtype, two sizes and both layouts.
#pragma once

#include <cstddef>

#include <bsk/types.h>

#include "kernels/spmm_launch.h"

namespace bsk {

/// Config is an aggregate {dtype, c_dtype, size, b_layout, c_layout}; its size is kSize0 or kSize1.
template <class Config, int kSize0, int kSize1>
struct ConfigSpace {
    static constexpr std::size_t kCount = 32;

    static constexpr Config at(std::size_t i) {
        const DType dtype = (i & 1U) != 0 ? DType::bf16 : DType::f16;
        return {dtype, (i & 2U) != 0 ? DType::f32 : dtype, (i & 4U) != 0 ? kSize1 : kSize0,
                (i & 8U) != 0 ? Layout::col_major : Layout::row_major,
                (i & 16U) != 0 ? Layout::col_major : Layout::row_major};
    }

    static constexpr std::size_t index_of(const Config& config) {
        const auto [dtype, c_dtype, size, b_layout, c_layout] = config;
        return (dtype == DType::bf16 ? 1U : 0U) | (c_dtype == DType::f32 ? 2U : 0U) |
               (size == kSize1 ? 4U : 0U) | (b_layout == Layout::col_major ? 8U : 0U) |
               (c_layout == Layout::col_major ? 16U : 0U);
    }
};

/// What the host knows of one instance.
struct KernelInstance {
    void (*prepare)();
    void (*launch)(const SpmmLaunch&, Stream);
};

}  // namespace bsk
