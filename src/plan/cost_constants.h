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
    CostConstants{"spmm_sm90/128x2", 6.8933, 1.9930, 0.6957, 0.0000, 0.8203, 1.0000},
    CostConstants{"spmm_sm90/64x1", 6.3837, 0.0000, 0.6345, 0.0000, 0.5377, 1.0000},
    CostConstants{"spmm_sm90/64x2", 6.1600, 2.4191, 0.4454, 0.0000, 0.4022, 1.0000},
    CostConstants{"spmm_sm90_pairs/1", 0.0000, 7.9800, 0.4398, 0.3267, 0.3500, 1.0000},
    CostConstants{"spmm_sm90_pairs/2", 6.0482, 2.8325, 0.2653, 0.1931, 0.7018, 0.0000},
    CostConstants{"spmm_sm90_small/64x1", 10.5163, 0.0104, 0.0425, 0.0713, 0.3510, 0.0000},
    CostConstants{"spmm_sm90_small/64x2", 6.9063, 2.3368, 0.0615, 0.0759, 0.6723, 0.0000},
    CostConstants{"spmm_sm90_small/32x1", 9.1987, 0.9255, 0.1341, 0.0807, 0.3441, 1.0000},
    CostConstants{"spmm_sm90_small/32x2", 7.2639, 2.7074, 0.1468, 0.0884, 0.6750, 1.0000},
    CostConstants{"spmm_sm90_small/16x1", 9.1415, 0.0000, 0.1475, 0.0449, 0.2687, 1.0000},
    CostConstants{"spmm_sm90_small/16x2", 8.2752, 0.0000, 0.1524, 0.0477, 0.4490, 1.0000},
    CostConstants{"spmm_sm80/128x128", 9.4258, 0.5176, 0.3889, 0.5578, 0.3052, 1.0000},
    CostConstants{"spmm_sm80/64x256", 4.5298, 3.3505, 0.6875, 1.0255, 0.4562, 1.0000},
    CostConstants{"spmm_sm80/64x128", 8.0166, 1.2064, 0.4030, 0.4435, 0.5379, 1.0000},
    CostConstants{"spmm_sm80/32x256", 10.1466, 0.9272, 0.9676, 0.6144, 1.0000, 1.0000},
    CostConstants{"spmm_sm80/16x256", 9.0807, 0.4427, 1.6909, 0.4061, 0.2950, 1.0000},
    CostConstants{"spmm_skinny/8", 5.5654, 0.0000, 0.0059, 0.0103, 0.8097, 1.0000},
    CostConstants{"spmm_skinny/16", 5.2467, 0.0000, 0.1728, 0.7250, 0.8874, 1.0000},
    CostConstants{"spmm_skinny/32", 6.9200, 0.0000, 0.1894, 1.0000, 0.7500, 1.0000},
    CostConstants{"spmm_skinny/64", 13.3299, 0.0000, 0.1208, 1.0760, 0.6492, 1.0000},
    CostConstants{"sddmm_sm90/64", 1.2140, 3.1001, 0.7068, 0.4193, 0.6050, 0.0000},
    CostConstants{"sddmm_sm90/32", 0.0000, 4.2814, 0.6886, 1.0621, 0.4616, 0.0000},
    CostConstants{"sddmm_sm90/32t", 0.0000, 3.4364, 0.7431, 1.7786, 0.4059, 0.0000},
    CostConstants{"dense_cublas", 4.7676, 0.0773, 0.6250, 0.0000, 0.8905, 1.0000},
    CostConstants{"spmm_simt", 4.0000, 0.0000, 0.3643, 0.0000, 1.0000, 1.0000},
    CostConstants{"spmm_cpu", 0.0000, 0.0000, 0.3643, 0.0000, 1.0000, 1.0000},
    CostConstants{"expand", 4.5491, 0.0000, 0.0000, 0.0000, 0.8579, 1.0000},
};

}  // namespace bsk
