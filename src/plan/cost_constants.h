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
    CostConstants{"spmm_sm90/128x1", 4.0000, 1.0000, 0.7373, 0.0000, 1.0000},
    CostConstants{"spmm_sm90/128x2", 2.4488, 3.2218, 0.7226, 0.0000, 0.5113},
    CostConstants{"spmm_sm90/64x1", 5.5704, 0.0000, 0.4477, 0.0000, 0.3058},
    CostConstants{"spmm_sm90/64x2", 3.7729, 1.6321, 0.4858, 0.0000, 0.5664},
    CostConstants{"spmm_sm90_small/32x1", 8.2656, 0.0000, 0.2238, 0.0765, 0.3956},
    CostConstants{"spmm_sm90_small/32x2", 5.0427, 3.1037, 0.2282, 0.0723, 0.5035},
    CostConstants{"spmm_sm90_small/16x1", 16.8154, 0.0000, 0.1457, 0.0538, 0.3000},
    CostConstants{"spmm_sm90_small/16x2", 7.0973, 0.9213, 0.1803, 0.0336, 0.2089},
    CostConstants{"spmm_sm80/64", 7.0469, 1.0417, 0.5223, 0.7723, 0.3568},
    CostConstants{"spmm_sm80/32", 6.5429, 0.6326, 0.7288, 0.5119, 0.2740},
    CostConstants{"spmm_sm80/16", 5.9767, 0.4309, 1.3429, 0.3664, 0.1638},
    CostConstants{"spmm_skinny/8", 5.4800, 0.0000, 0.1894, 1.0, 0.7500},
    CostConstants{"spmm_skinny/16", 5.9600, 0.0000, 0.1894, 1.0, 0.7500},
    CostConstants{"spmm_skinny/32", 6.9200, 0.0000, 0.1894, 1.0, 0.7500},
    CostConstants{"spmm_skinny/64", 8.8400, 0.0000, 0.1894, 1.0, 0.7500},
    CostConstants{"dense_cublas", 1.8544, 0.0722, 0.6295, 0.0000, 0.8901},
    CostConstants{"spmm_simt", 4.0000, 0.0000, 0.3643, 0.0000, 1.0000},
    CostConstants{"spmm_cpu", 0.0000, 0.0000, 0.3643, 0.0000, 1.0000},
    CostConstants{"expand", 2.9738, 0.0000, 0.0000, 0.0000, 0.8417},
};

}  // namespace bsk
