// The tile of C that a CTA of spmm_sm80 computes, and what lies in its shared memory.
#pragma once

#include <algorithm>
#include <cstdint>

#include <bsk/types.h>

#include "kernels/sm80/copy.cuh"

namespace bsk::sm80 {

inline constexpr int kSliceK = 16;  // columns of A in one mma

template <class T_, Layout kBLayout_, int kTileM_, int kTileN_, int kTileK_, int kStages_, int kWarpsM_,
          int kWarpsN_, int kCtas_>
struct Config {
    using T = T_;  ///< of A and B
    static constexpr Layout kBLayout = kBLayout_;
    static constexpr int kTileM = kTileM_;
    static constexpr int kTileN = kTileN_;
    static constexpr int kTileK = kTileK_;    ///< columns of A in a step
    static constexpr int kStages = kStages_;  ///< steps in shared memory
    static constexpr int kWarpsN = kWarpsN_;
    static constexpr int kCtas = kCtas_;  ///< that share a multiprocessor, as far as registers go

    static constexpr int kSlices = kTileK / kSliceK;
    static constexpr int kWarps = kWarpsM_ * kWarpsN_;
    static constexpr int kThreads = 32 * kWarps;
    static constexpr int kWarpM = kTileM / kWarpsM_;  ///< a warp computes kWarpM x kWarpN
    static constexpr int kWarpN = kTileN / kWarpsN_;
};

inline constexpr int kPanelN = 64;  // columns of a panel of B: 128 bytes, one pass over the banks

template <class Config>
struct Stage {
    std::uint16_t a[Config::kTileM * Config::kTileK];  ///< rows of A
    /// B row-major: panels [kTileN / kPanelN][kTileK][kPanelN]; B col-major: columns [kTileN][kTileK]
    std::uint16_t b[Config::kTileK * Config::kTileN];
};

// Floats between lines of the staged sums, beside the lines: runs stay 16-byte aligned, and what a warp writes at once
// meets each bank as seldom as can be.
inline constexpr int kRowPad = 8;
inline constexpr int kColumnPad = 4;

template <class Config>
struct alignas(128) SharedStorage {
    static constexpr int kStagingFloats =
        16 * std::max(Config::kWarpN + kRowPad, Config::kWarpM + kColumnPad);
    union {
        Stage<Config> stages[Config::kStages];
        float staging[Config::kWarps][kStagingFloats];
    };
};

}  // namespace bsk::sm80
