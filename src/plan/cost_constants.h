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
    CostConstants{"spmm_sm90/128x1", 2.0000, 1.1451, 0.9500, 0.0000, 0.6497, 1.0000},
    CostConstants{"spmm_sm90/128x2", 5.1552, 1.9663, 0.6854, 0.0000, 0.8085, 1.0000},
    CostConstants{"spmm_sm90/64x1", 7.0485, 0.0000, 0.4114, 0.0000, 0.7282, 1.0000},
    CostConstants{"spmm_sm90/64x2", 4.5906, 2.2102, 0.4507, 0.0000, 0.4070, 1.0000},
    CostConstants{"spmm_sm90_pairs/1", 0.9920, 5.6104, 0.4871, 0.3171, 1.0000, 1.0000},
    CostConstants{"spmm_sm90_pairs/2", 4.6042, 2.3527, 0.5283, 0.3400, 0.7256, 1.0000},
    CostConstants{"spmm_sm90_small/32x1", 7.7900, 0.0000, 0.0772, 0.0280, 0.7196, 0.0000},
    CostConstants{"spmm_sm90_small/32x2", 6.5754, 2.0886, 0.0666, 0.0438, 0.6984, 0.0000},
    CostConstants{"spmm_sm90_small/16x1", 7.0000, 0.0000, 0.1061, 0.0195, 0.6573, 0.0000},
    CostConstants{"spmm_sm90_small/16x2", 9.4894, 1.0654, 0.0811, 0.0207, 0.5078, 0.0000},
    CostConstants{"spmm_sm80/128x128", 9.4258, 0.5176, 0.3889, 0.5578, 0.3052, 1.0000},
    CostConstants{"spmm_sm80/64x256", 4.5298, 3.3505, 0.6875, 1.0255, 0.4562, 1.0000},
    CostConstants{"spmm_sm80/64x128", 7.9144, 1.1177, 0.4109, 0.4407, 0.5301, 1.0000},
    CostConstants{"spmm_sm80/32x256", 10.0974, 0.8586, 0.9580, 0.5853, 0.4417, 1.0000},
    CostConstants{"spmm_sm80/16x256", 9.0807, 0.4427, 1.6909, 0.4061, 0.2950, 1.0000},
    CostConstants{"spmm_skinny/16x8", 5.5654, 0.0000, 0.0059, 0.0103, 0.8097, 1.0000},
    CostConstants{"spmm_skinny/16x16", 5.2467, 0.0000, 0.1728, 0.3625, 0.8874, 1.0000},
    CostConstants{"spmm_skinny/32x16", 5.2467, 0.0000, 0.1728, 0.7250, 0.8874, 1.0000},
    CostConstants{"spmm_skinny/16x32", 6.9200, 0.0000, 0.1894, 1.0000, 0.7500, 1.0000},
    CostConstants{"spmm_skinny/32x32", 6.9200, 0.0000, 0.1894, 1.0000, 0.7500, 1.0000},
    CostConstants{"spmm_skinny/16x64", 4.5237, 2.3642, 0.0981, 0.0748, 0.4136, 0.0000},
    CostConstants{"spmm_skinny/32x64", 6.1767, 2.7524, 0.1266, 0.9417, 0.7968, 1.0000},
    CostConstants{"spmm_skinny/64x64", 11.4427, 2.5127, 0.1266, 1.0045, 0.6319, 1.0000},
    CostConstants{"sddmm_sm90/64", 1.2140, 3.1001, 0.7068, 0.4193, 0.6050, 0.0000},
    CostConstants{"sddmm_sm90/32", 0.0000, 4.2814, 0.6886, 1.0621, 0.4616, 0.0000},
    CostConstants{"sddmm_sm90/32t", 0.0000, 3.4364, 0.7431, 1.7786, 0.4059, 0.0000},
    CostConstants{"dense_cublas", 2.3041, 0.0601, 0.6177, 0.0000, 0.8778, 1.0000},
    CostConstants{"spmm_simt", 4.0000, 0.0000, 0.3643, 0.0000, 1.0000, 1.0000},
    CostConstants{"spmm_cpu", 0.0000, 0.0000, 0.3643, 0.0000, 1.0000, 1.0000},
    CostConstants{"expand", 4.5491, 0.0000, 0.0000, 0.0000, 0.8579, 1.0000},
};

}  // namespace bsk
