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
    CostConstants{"spmm_sm90/128x1", 5.7605, 0.3325, 0.8900, 0.0000, 0.8429},
    CostConstants{"spmm_sm90/128x2", 4.9592, 2.0663, 0.6829, 0.0000, 0.3950},
    CostConstants{"spmm_sm90/64x1", 0.0000, 3.2401, 0.5147, 0.0000, 0.3190},
    CostConstants{"spmm_sm90/64x2", 5.0188, 1.6990, 0.4522, 0.0000, 1.0000},
    CostConstants{"spmm_sm90_small/32x1", 4.6149, 2.9128, 0.2075, 0.0666, 0.6866},
    CostConstants{"spmm_sm90_small/32x2", 6.2621, 0.0833, 0.2710, 0.0661, 0.2565},
    CostConstants{"spmm_sm90_small/16x1", 5.7679, 2.4251, 0.1717, 0.0520, 0.2877},
    CostConstants{"spmm_sm90_small/16x2", 6.4146, 2.7243, 0.1782, 0.0279, 0.1717},
    CostConstants{"spmm_sm80/128x128", 8.3385, 2.4660, 0.3894, 0.6423, 0.5031},
    CostConstants{"spmm_sm80/64x256", 7.0848, 2.5053, 0.8287, 0.8790, 0.5031},
    CostConstants{"spmm_sm80/64x128", 7.0927, 0.6956, 0.5008, 0.4878, 0.5031},
    CostConstants{"spmm_sm80/32x256", 8.3718, 0.4135, 1.2365, 0.3741, 0.3916},
    CostConstants{"spmm_sm80/16x256", 6.3023, 0.7261, 2.0625, 0.4407, 0.2654},
    CostConstants{"spmm_skinny/8", 5.8335, 0.0000, 0.0474, 0.0819, 0.8207},
    CostConstants{"spmm_skinny/16", 5.4276, 0.0000, 0.1688, 0.7364, 0.8668},
    CostConstants{"spmm_skinny/32", 6.9200, 0.0000, 0.1894, 1.0000, 0.7500},
    CostConstants{"spmm_skinny/64", 8.9044, 0.0000, 0.1287, 1.2601, 0.6198},
    CostConstants{"dense_cublas", 2.0377, 0.0591, 0.6301, 0.0000, 0.8689},
    CostConstants{"spmm_simt", 4.0000, 0.0000, 0.3643, 0.0000, 1.0000},
    CostConstants{"spmm_cpu", 0.0000, 0.0000, 0.3643, 0.0000, 1.0000},
    CostConstants{"expand", 3.6240, 0.0000, 0.0000, 0.0000, 0.9387},
};

}  // namespace bsk
