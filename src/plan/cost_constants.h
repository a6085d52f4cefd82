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
    CostConstants{"spmm_sm90/64x1", 2.5876, 1.2395, 0.5325, 0.0000, 0.3020},
    CostConstants{"spmm_sm90/64x2", 3.7729, 1.6321, 0.4858, 0.0000, 0.5664},
    CostConstants{"spmm_sm90_small/32x1", 6.1254, 1.4723, 0.2224, 0.0707, 0.5685},
    CostConstants{"spmm_sm90_small/32x2", 5.0121, 3.4125, 0.2287, 0.0684, 0.5028},
    CostConstants{"spmm_sm90_small/16x1", 7.4118, 1.3727, 0.1703, 0.0540, 0.2098},
    CostConstants{"spmm_sm90_small/16x2", 7.0929, 1.2376, 0.1806, 0.0301, 0.2089},
    CostConstants{"spmm_sm80/128x128", 5.8107, 2.3635, 0.3890, 0.6349, 0.3857},
    CostConstants{"spmm_sm80/64x256", 5.8107, 2.3567, 0.8365, 0.8827, 0.3857},
    CostConstants{"spmm_sm80/64x128", 5.8107, 0.6569, 0.4964, 0.4769, 0.3857},
    CostConstants{"spmm_sm80/32x256", 4.8160, 0.3930, 1.2302, 0.3814, 0.2707},
    CostConstants{"spmm_sm80/16x256", 4.6826, 0.7036, 2.0439, 0.4237, 0.1553},
    CostConstants{"spmm_skinny/8", 5.7988, 0.0000, 0.0947, 0.1639, 0.8282},
    CostConstants{"spmm_skinny/16", 5.1020, 0.0000, 0.1727, 0.8292, 0.8270},
    CostConstants{"spmm_skinny/32", 6.9200, 0.0000, 0.1894, 1.0000, 0.7500},
    CostConstants{"spmm_skinny/64", 8.2478, 0.0000, 0.1388, 1.2868, 1.0000},
    CostConstants{"dense_cublas", 1.8720, 0.0679, 0.6292, 0.0000, 0.8838},
    CostConstants{"spmm_simt", 4.0000, 0.0000, 0.3643, 0.0000, 1.0000},
    CostConstants{"spmm_cpu", 0.0000, 0.0000, 0.3643, 0.0000, 1.0000},
    CostConstants{"expand", 3.2024, 0.0000, 0.0000, 0.0000, 0.8542},
};

}  // namespace bsk
