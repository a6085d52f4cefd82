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
    CostConstants{"spmm_sm90/128x2", 5.0016, 2.0469, 0.6866, 0.0000, 0.7715, 1.0000},
    CostConstants{"spmm_sm90/64x1", 5.6930, 1.0298, 0.5176, 0.0000, 0.6689, 1.0000},
    CostConstants{"spmm_sm90/64x2", 2.0840, 2.7234, 0.4637, 0.0000, 0.2899, 1.0000},
    CostConstants{"spmm_sm90_pairs/1", 0.0000, 5.1004, 0.2295, 0.2015, 0.3602, 0.0000},
    CostConstants{"spmm_sm90_pairs/2", 5.2717, 2.1635, 0.5344, 0.3508, 0.7272, 1.0000},
    CostConstants{"spmm_sm90_small/32x1", 4.6766, 2.7717, 0.2074, 0.0671, 0.3399, 1.0000},
    CostConstants{"spmm_sm90_small/32x2", 4.4476, 2.3705, 0.2443, 0.0653, 0.6138, 1.0000},
    CostConstants{"spmm_sm90_small/16x1", 5.6683, 1.8181, 0.1500, 0.0300, 0.2826, 0.0000},
    CostConstants{"spmm_sm90_small/16x2", 9.8872, 0.0000, 0.1286, 0.0236, 0.1986, 0.0000},
    CostConstants{"spmm_sm80/128x128", 9.4258, 0.5176, 0.3889, 0.5578, 0.3052, 1.0000},
    CostConstants{"spmm_sm80/64x256", 4.5298, 3.3505, 0.6875, 1.0255, 0.4562, 1.0000},
    CostConstants{"spmm_sm80/64x128", 8.4456, 0.4623, 0.4599, 0.2620, 0.6612, 1.0000},
    CostConstants{"spmm_sm80/32x256", 8.0474, 0.1249, 1.0380, 0.3838, 0.5000, 1.0000},
    CostConstants{"spmm_sm80/16x256", 5.3228, 0.5333, 1.7264, 0.4061, 0.5000, 1.0000},
    CostConstants{"spmm_skinny/8", 5.5654, 0.0000, 0.0059, 0.0103, 0.8097, 1.0000},
    CostConstants{"spmm_skinny/16", 5.2467, 0.0000, 0.1728, 0.7250, 0.8874, 1.0000},
    CostConstants{"spmm_skinny/32", 6.9200, 0.0000, 0.1894, 1.0000, 0.7500, 1.0000},
    CostConstants{"spmm_skinny/64", 8.6631, 0.0000, 0.1287, 1.2582, 0.6251, 1.0000},
    CostConstants{"dense_cublas", 1.7272, 0.0636, 0.6301, 0.0000, 0.8608, 1.0000},
    CostConstants{"spmm_simt", 4.0000, 0.0000, 0.3643, 0.0000, 1.0000, 1.0000},
    CostConstants{"spmm_cpu", 0.0000, 0.0000, 0.3643, 0.0000, 1.0000, 1.0000},
    CostConstants{"expand", 3.3732, 0.0000, 0.0000, 0.0000, 0.9424, 1.0000},
};

}  // namespace bsk
