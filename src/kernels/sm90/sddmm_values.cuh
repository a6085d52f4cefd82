// The end of a tile of sddmm_sm90: values = alpha*sum + beta*values where a unit is stored, straight from the accumulators.
//
// The accumulators of 16 columns are two groups of 8, and a lane holds two neighbours of each in rows lane/4 and lane/4 + 8.
// 16-bit values are exchanged among the four lanes of a row, so that each writes (and, with beta, reads) 8 in one piece of
// 16 bytes: lane q of the four those of row 8*(q/2), columns 8*(q%2) .... fp32 values go in pairs. Either way four lanes fill
// 32-byte sectors.
#pragma once

#include <cstdint>

#include <bsk/types.h>

#include "kernels/sm90/chunk.cuh"

namespace bsk {

/// Four lanes' 4 x 4 registers transposed: afterwards v[i] is what lane i of the four held in v[lane%4].
__device__ inline void transpose_lanes(std::uint32_t (&v)[4]) {
#pragma unroll
    for (int bit = 1; bit <= 2; bit *= 2) {
        const bool upper = (threadIdx.x & bit) != 0;
#pragma unroll
        for (int pair = 0; pair < 2; ++pair) {
            const int low = bit == 1 ? 2 * pair : pair;
            const int high = low + bit;
            const std::uint32_t got = __shfl_xor_sync(0xFFFFFFFF, upper ? v[low] : v[high], bit);
            v[low] = upper ? got : v[low];
            v[high] = upper ? v[high] : got;
        }
    }
}

/// Values at 16 rows and kColumns columns of a stored block, whose rows have `ld` elements. What was there before is read at
/// once, so that its loads do not wait for each other.
/// @param values  those of the warp's first row and the first column
/// @param x       the accumulators: x[4*g + 2*i + h] is row lane/4 + 8*i, column 8*g + 2*(lane%4) + h
template <DType kTypeV, int kColumns>
__device__ inline void store_values(void* values, std::int64_t ld, const float* x, float alpha, float beta) {
    const int lane = threadIdx.x % 32;
    if constexpr (kTypeV == DType::f32) {
        constexpr int kPairs = kColumns / 4;
        auto* first = static_cast<float*>(values) + lane / 4 * ld + 2 * (lane % 4);
        const auto place = [&](int pair) {
            return reinterpret_cast<float2*>(first + pair % 2 * 8 * ld + pair / 2 * 8);
        };
        float2 before[kPairs] = {};
        if (beta != 0.0F) {
#pragma unroll
            for (int p = 0; p < kPairs; ++p) {
                before[p] = *place(p);
            }
        }
#pragma unroll
        for (int p = 0; p < kPairs; ++p) {
            __stcg(place(p), make_float2(alpha * x[2 * p] + beta * before[p].x,
                                         alpha * x[2 * p + 1] + beta * before[p].y));
        }
    } else {
        constexpr int kPieces = kColumns / 16;  // of a lane
        auto* place = reinterpret_cast<uint4*>(static_cast<std::uint16_t*>(values) +
                                               (lane / 4 + lane % 4 / 2 * 8) * ld + lane % 2 * 8);
        uint4 before[kPieces] = {};
        if (beta != 0.0F) {
#pragma unroll
            for (int piece = 0; piece < kPieces; ++piece) {
                before[piece] = place[2 * piece];
            }
        }
#pragma unroll
        for (int piece = 0; piece < kPieces; ++piece) {
            std::uint32_t pairs[4] = {before[piece].x, before[piece].y, before[piece].z, before[piece].w};
            if (beta != 0.0F) {
                transpose_lanes(pairs);
            }
#pragma unroll
            for (int lane_of_4 = 0; lane_of_4 < 4; ++lane_of_4) {  // which gets the pair
                const float* sums = x + 8 * piece + 4 * (lane_of_4 % 2) + 2 * (lane_of_4 / 2);
                const float2 added = unpack<kTypeV>(pairs[lane_of_4]);
                pairs[lane_of_4] =
                    pack<kTypeV>(alpha * sums[0] + beta * added.x, alpha * sums[1] + beta * added.y);
            }
            transpose_lanes(pairs);
            __stcg(place + 2 * piece, make_uint4(pairs[0], pairs[1], pairs[2], pairs[3]));
        }
    }
}

}  // namespace bsk
