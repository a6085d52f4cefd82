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
    CostConstants{"spmm_sm90/128x2", 7.0972, 1.9300, 0.6921, 0.0000, 0.7872, 1.0000},
    CostConstants{"spmm_sm90/64x1", 6.5706, 0.0000, 0.6276, 0.0000, 0.5883, 1.0000},
    CostConstants{"spmm_sm90/64x2", 4.1889, 3.1616, 0.4418, 0.0000, 0.3190, 1.0000},
    CostConstants{"spmm_sm90_pairs/1", 0.0000, 7.2378, 0.3565, 0.1178, 0.3388, 0.0000},
    CostConstants{"spmm_sm90_pairs/2", 6.0191, 2.7341, 0.5142, 0.3455, 0.6752, 1.0000},
    CostConstants{"spmm_sm90_small/32x1", 8.8055, 0.0000, 0.0726, 0.0252, 0.5852, 0.0000},
    CostConstants{"spmm_sm90_small/32x2", 6.6172, 2.4001, 0.0613, 0.0459, 0.6647, 0.0000},
    CostConstants{"spmm_sm90_small/16x1", 7.5000, 0.0000, 0.1054, 0.0170, 0.4809, 0.0000},
    CostConstants{"spmm_sm90_small/16x2", 8.4375, 0.9086, 0.0833, 0.0212, 0.3589, 0.0000},
    CostConstants{"spmm_sm80/128x128", 9.4258, 0.5176, 0.3889, 0.5578, 0.3052, 1.0000},
    CostConstants{"spmm_sm80/64x256", 4.5298, 3.3505, 0.6875, 1.0255, 0.4562, 1.0000},
    CostConstants{"spmm_sm80/64x128", 7.9144, 1.1177, 0.4109, 0.4407, 0.5301, 1.0000},
    CostConstants{"spmm_sm80/32x256", 10.0974, 0.8586, 0.9580, 0.5853, 0.4417, 1.0000},
    CostConstants{"spmm_sm80/16x256", 9.0807, 0.4427, 1.6909, 0.4061, 0.2950, 1.0000},
    CostConstants{"spmm_skinny/16x8", 5.5654, 0.0000, 0.0059, 0.0103, 0.8097, 1.0000},
    CostConstants{"spmm_skinny/16x16", 5.2467, 0.0000, 0.1728, 0.7250, 0.8874, 1.0000},
    CostConstants{"spmm_skinny/32x16", 5.2467, 0.0000, 0.1728, 0.7250, 0.8874, 1.0000},
    CostConstants{"spmm_skinny/16x32", 6.9200, 0.0000, 0.1894, 1.0000, 0.7500, 1.0000},
    CostConstants{"spmm_skinny/32x32", 6.9200, 0.0000, 0.1894, 1.0000, 0.7500, 1.0000},
    CostConstants{"spmm_skinny/16x64", 6.5448, 2.1707, 0.1000, 0.0387, 0.4147, 0.0000},
    CostConstants{"spmm_skinny/32x64", 8.7030, 2.6560, 0.1245, 0.8675, 0.6920, 1.0000},
    CostConstants{"spmm_skinny/64x64", 12.8194, 2.7751, 0.1259, 1.0139, 0.6335, 1.0000},
    CostConstants{"sddmm_sm90/64", 1.2140, 3.1001, 0.7068, 0.4193, 0.6050, 0.0000},
    CostConstants{"sddmm_sm90/32", 0.0000, 4.2814, 0.6886, 1.0621, 0.4616, 0.0000},
    CostConstants{"sddmm_sm90/32t", 0.0000, 3.4364, 0.7431, 1.7786, 0.4059, 0.0000},
    CostConstants{"dense_cublas", 4.7676, 0.0773, 0.6250, 0.0000, 0.8905, 1.0000},
    CostConstants{"spmm_simt", 4.0000, 0.0000, 0.3643, 0.0000, 1.0000, 1.0000},
    CostConstants{"spmm_cpu", 0.0000, 0.0000, 0.3643, 0.0000, 1.0000, 1.0000},
    CostConstants{"expand", 4.5491, 0.0000, 0.0000, 0.0000, 0.8579, 1.0000},
};

}  // namespace bsk
