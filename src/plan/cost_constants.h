// Written by scripts/fit_cost_model.py; do not edit. Microseconds on an NVIDIA H200.
#pragma once

#include <array>
#include <string_view>

namespace bsk {

/// What one variant of a kernel costs; cost_model.h says what the parts are.
struct CostConstants {
    std::string_view variant;
    double fixed = 0;         ///< of a launch
    double tile = 0;          ///< of a tile, beside its steps
    double step = 0;          ///< of a step
    double unit = 0;          ///< of a unit
    double memory_share = 1;  ///< of the device's memory bandwidth that the kernel reaches
    double overlap =
        1;  ///< share of a tile's steps or its units, whichever take less, that runs under the others
};

inline constexpr std::array kCostConstants{
    CostConstants{"spmm_sm90/128x1", 0.0000, 1.1451, 1.1880, 0.0000, 0.6497, 1.0000},
    CostConstants{"spmm_sm90/128x2", 5.7153, 2.0661, 0.6818, 0.0000, 0.8274, 1.0000},
    CostConstants{"spmm_sm90/64x1", 6.0553, 0.0973, 0.5911, 0.0000, 0.6186, 1.0000},
    CostConstants{"spmm_sm90/64x2", 3.3026, 3.4191, 0.4365, 0.0000, 0.3302, 1.0000},
    CostConstants{"spmm_sm90_pairs/1", 0.0000, 6.3926, 0.4857, 0.3457, 0.3346, 1.0000},
    CostConstants{"spmm_sm90_pairs/2", 4.9671, 2.6786, 0.2728, 0.1902, 0.7090, 0.0000},
    CostConstants{"spmm_sm90_small/32x1", 5.6623, 3.2660, 0.1957, 0.0667, 0.5547, 1.0000},
    CostConstants{"spmm_sm90_small/32x2", 5.5506, 2.1784, 0.2709, 0.0649, 0.6270, 1.0000},
    CostConstants{"spmm_sm90_small/16x1", 0.0000, 4.3035, 0.1338, 0.0429, 0.3000, 0.0000},
    CostConstants{"spmm_sm90_small/16x2", 8.2626, 0.6280, 0.1306, 0.0233, 0.1998, 0.0000},
    CostConstants{"spmm_sm80/128x128", 9.4258, 0.5176, 0.3889, 0.5578, 0.3052, 1.0000},
    CostConstants{"spmm_sm80/64x256", 4.5298, 3.3505, 0.6875, 1.0255, 0.4562, 1.0000},
    CostConstants{"spmm_sm80/64x128", 6.5095, 1.0759, 0.4067, 0.4379, 0.5289, 1.0000},
    CostConstants{"spmm_sm80/32x256", 8.1393, 0.7846, 0.9843, 0.6165, 0.4350, 1.0000},
    CostConstants{"spmm_sm80/16x256", 5.3228, 0.5333, 1.7264, 0.4061, 0.5000, 1.0000},
    CostConstants{"spmm_skinny/8", 5.5654, 0.0000, 0.0059, 0.0103, 0.8097, 1.0000},
    CostConstants{"spmm_skinny/16", 5.2467, 0.0000, 0.1728, 0.7250, 0.8874, 1.0000},
    CostConstants{"spmm_skinny/32", 6.9200, 0.0000, 0.1894, 1.0000, 0.7500, 1.0000},
    CostConstants{"spmm_skinny/64", 11.1663, 0.0000, 0.1261, 1.1238, 0.6164, 1.0000},
    CostConstants{"sddmm_sm90/64", 1.2140, 3.1001, 0.7068, 0.4193, 0.6050, 0.0000},
    CostConstants{"sddmm_sm90/32", 0.0000, 4.2814, 0.6886, 1.0621, 0.4616, 0.0000},
    CostConstants{"sddmm_sm90/32t", 0.0000, 3.4364, 0.7431, 1.7786, 0.4059, 0.0000},
    CostConstants{"dense_cublas", 1.8150, 0.0726, 0.6171, 0.0000, 0.8817, 1.0000},
    CostConstants{"spmm_simt", 4.0000, 0.0000, 0.3643, 0.0000, 1.0000, 1.0000},
    CostConstants{"spmm_cpu", 0.0000, 0.0000, 0.3643, 0.0000, 1.0000, 1.0000},
    CostConstants{"expand", 0.0000, 0.0000, 0.0000, 0.0000, 0.7201, 1.0000},
};

}  // namespace bsk
