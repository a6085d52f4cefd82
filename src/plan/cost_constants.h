// Written by scripts/fit_cost_model.py; do not edit. Microseconds on an NVIDIA H200.
#pragma once

#include <array>
#include <string_view>

namespace bsk {

/// What one variant of a kernel costs; cost_model.h says what the parts are.
struct CostConstants {
    std::string_view variant;
    double fixed = 0;  ///< of a launch
    double tile = 0;   ///< of a tile, beside its steps
    double step = 0;   ///< of a step
    double unit = 0;   ///< of a unit; a tile takes as long as its steps or its units, whichever is longer
    double memory_share = 1;  ///< of the device's memory bandwidth that the kernel reaches
};

inline constexpr std::array kCostConstants{
    CostConstants{"spmm_sm90/128x1", 4.0, 1.0, 0.7373, 0.0, 1.0},
    CostConstants{"spmm_sm90/128x2", 4.0, 1.0, 0.7285, 0.0, 1.0},
    CostConstants{"spmm_sm90/64x1", 4.0, 0.2, 0.6144, 0.0, 1.0},
    CostConstants{"spmm_sm90/64x2", 4.0, 0.2, 0.5530, 0.0, 1.0},
    CostConstants{"spmm_sm90_small/32x1", 4.0, 1.5, 0.2560, 0.0734, 1.0},
    CostConstants{"spmm_sm90_small/32x2", 4.0, 1.5, 0.2160, 0.0734, 1.0},
    CostConstants{"spmm_sm90_small/16x1", 4.0, 1.5, 0.2240, 0.0335, 1.0},
    CostConstants{"spmm_sm90_small/16x2", 4.0, 1.5, 0.1870, 0.0335, 1.0},
    CostConstants{"spmm_sm80/64", 4.0, 0.0, 0.6746, 2.6985, 1.0},
    CostConstants{"spmm_sm80/32", 4.0, 0.0, 0.6746, 2.6985, 1.0},
    CostConstants{"spmm_sm80/16", 4.0, 0.0, 1.1384, 4.5537, 1.0},
    CostConstants{"dense_cublas", 4.0, 0.0, 0.7285, 0.0, 1.0},
    CostConstants{"spmm_simt", 4.0, 0.0, 0.3643, 0.0, 1.0},
    CostConstants{"spmm_cpu", 0.0, 0.0, 0.3643, 0.0, 1.0},
    CostConstants{"expand", 2.0, 0.0, 0.0, 0.0, 1.0},
};

}  // namespace bsk
