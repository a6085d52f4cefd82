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
    CostConstants{"spmm_sm90/128x256x1", 2.9604, 1.4800, 0.9640, 0.0000, 0.3000, 1.0000},
    CostConstants{"spmm_sm90/128x256x2", 5.1552, 1.9663, 0.6854, 0.0000, 0.8085, 1.0000},
    CostConstants{"spmm_sm90/64x256x1", 7.0485, 0.0000, 0.4114, 0.0000, 0.7282, 1.0000},
    CostConstants{"spmm_sm90/128x128x1", 5.4474, 0.9550, 0.3300, 0.0000, 0.6723, 1.0000},
    CostConstants{"spmm_sm90/128x128x2", 4.7763, 1.4616, 0.3669, 0.0000, 0.7881, 1.0000},
    CostConstants{"spmm_sm90/64x256x2", 4.5906, 2.2102, 0.4507, 0.0000, 0.4070, 1.0000},
    CostConstants{"spmm_sm90_pairs/1", 0.9920, 5.6104, 0.4871, 0.3171, 1.0000, 1.0000},
    CostConstants{"spmm_sm90_pairs/2", 4.0168, 2.5086, 0.5378, 0.3424, 0.6809, 1.0000},
    CostConstants{"spmm_sm90_small/32x1", 7.7900, 0.0000, 0.0772, 0.0280, 0.7196, 0.0000},
    CostConstants{"spmm_sm90_small/32x2", 6.0778, 2.1101, 0.0703, 0.0419, 0.6698, 0.0000},
    CostConstants{"spmm_sm90_small/16x1", 7.0000, 0.0000, 0.1061, 0.0195, 0.6573, 0.0000},
    CostConstants{"spmm_sm90_small/16x2", 7.5244, 0.0000, 0.0890, 0.0206, 0.5003, 0.0000},
    CostConstants{"spmm_sm80/128x128", 9.4258, 0.5176, 0.3889, 0.5578, 0.3052, 1.0000},
    CostConstants{"spmm_sm80/64x256", 4.5298, 3.3505, 0.6875, 1.0255, 0.4562, 1.0000},
    CostConstants{"spmm_sm80/64x128", 7.9144, 1.1177, 0.4109, 0.4407, 0.5301, 1.0000},
    CostConstants{"spmm_sm80/32x256", 5.6840, 1.2587, 0.9863, 0.6256, 0.4548, 1.0000},
    CostConstants{"spmm_sm80/16x256", 5.7962, 0.6381, 1.7322, 0.5167, 0.3753, 1.0000},
    CostConstants{"spmm_skinny/16x8", 5.3897, 0.0000, 0.0029, 0.0052, 1.0271, 0.0000},
    CostConstants{"spmm_skinny/16x16", 5.5062, 0.0000, 0.1328, 0.0170, 0.8784, 0.0000},
    CostConstants{"spmm_skinny/32x16", 6.2551, 0.0000, 0.1602, 0.5742, 1.0028, 1.0000},
    CostConstants{"spmm_skinny/16x32", 7.2852, 0.0000, 0.0750, 0.2500, 0.6792, 0.0000},
    CostConstants{"spmm_skinny/32x32", 6.9538, 0.0000, 0.1086, 0.2937, 0.7940, 0.0000},
    CostConstants{"spmm_skinny/16x64", 4.6836, 2.1757, 0.1019, 0.0815, 0.4102, 0.0000},
    CostConstants{"spmm_skinny/32x64", 6.4174, 2.7995, 0.1283, 0.9345, 0.7922, 1.0000},
    CostConstants{"spmm_skinny/64x64", 11.5927, 2.4884, 0.1296, 1.0341, 0.6074, 1.0000},
    CostConstants{"sddmm_sm90/64", 1.2140, 3.1001, 0.7068, 0.4193, 0.6050, 0.0000},
    CostConstants{"sddmm_sm90/32", 0.0000, 4.2814, 0.6886, 1.0621, 0.4616, 0.0000},
    CostConstants{"sddmm_sm90/32t", 0.0000, 3.4364, 0.7431, 1.7786, 0.4059, 0.0000},
    CostConstants{"dense_cublas", 2.3041, 0.0601, 0.6177, 0.0000, 0.8778, 1.0000},
    CostConstants{"spmm_simt", 4.0000, 0.0000, 0.3643, 0.0000, 1.0000, 1.0000},
    CostConstants{"spmm_cpu", 0.0000, 0.0000, 0.3643, 0.0000, 1.0000, 1.0000},
    CostConstants{"expand", 4.5491, 0.0000, 0.0000, 0.0000, 0.8579, 1.0000},
};

}  // namespace bsk
