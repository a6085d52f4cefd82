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
    CostConstants{"spmm_sm90/128x1", 4.2550, 1.3127, 0.7505, 0.0000, 0.4464},
    CostConstants{"spmm_sm90/128x2", 2.4226, 3.2254, 0.7229, 0.0000, 0.5111},
    CostConstants{"spmm_sm90/64x1", 1.5717, 2.0903, 0.5270, 0.0000, 0.3127},
    CostConstants{"spmm_sm90/64x2", 3.7729, 1.6321, 0.4858, 0.0000, 0.5664},
    CostConstants{"spmm_sm90_small/32x1", 5.9931, 1.6883, 0.2213, 0.0705, 0.5596},
    CostConstants{"spmm_sm90_small/32x2", 5.0121, 3.4125, 0.2287, 0.0684, 0.5028},
    CostConstants{"spmm_sm90_small/16x1", 6.3932, 1.8940, 0.1714, 0.0541, 0.2911},
    CostConstants{"spmm_sm90_small/16x2", 7.0929, 1.2376, 0.1806, 0.0301, 0.2089},
    CostConstants{"spmm_sm80/64", 5.6905, 1.2496, 0.5140, 0.8858, 0.4137},
    CostConstants{"spmm_sm80/32", 4.5945, 0.6998, 0.7267, 0.7582, 0.2828},
    CostConstants{"spmm_sm80/16", 4.0455, 0.5199, 1.3447, 0.7643, 0.1633},
    CostConstants{"spmm_skinny/8", 5.6885, 0.0000, 0.0947, 0.0625, 0.8160},
    CostConstants{"spmm_skinny/16", 5.2746, 0.0000, 0.1713, 0.7651, 0.8328},
    CostConstants{"spmm_skinny/32", 6.9200, 0.0000, 0.1894, 1.0000, 0.7500},
    CostConstants{"spmm_skinny/64", 8.7327, 0.0000, 0.1384, 1.2596, 1.0000},
    CostConstants{"dense_cublas", 1.8972, 0.0667, 0.6292, 0.0000, 0.8822},
    CostConstants{"spmm_simt", 4.0000, 0.0000, 0.3643, 0.0000, 1.0000},
    CostConstants{"spmm_cpu", 0.0000, 0.0000, 0.3643, 0.0000, 1.0000},
    CostConstants{"expand", 3.2283, 0.0000, 0.0000, 0.0000, 0.8630},
};

}  // namespace bsk
