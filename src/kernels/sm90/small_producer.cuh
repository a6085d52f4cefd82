// Producer warps of spmm_sm90_small: one for the units of A, one for the pieces of B.
#pragma once

#include <cstdint>

#include "kernels/sm90/packed_units.h"
#include "kernels/sm90/ptx.cuh"
#include "kernels/sm90/tile_walk.cuh"

namespace bsk {

/// What a CTA of spmm_sm90_small needs beside the tensor maps.
struct SpmmSm90SmallParams {
    const std::uint8_t* packed;        ///< units in the order of the lists (packed_units.h)
    const std::int32_t* group_chunks;  ///< as in UnionLists, as are the next three
    const std::int32_t* group_stages;
    const UnionStep* steps;
    const std::int32_t* stage_units;
    const std::int32_t* work_offsets;  ///< [streams + 1]
    const WorkItem* work;
    int strips;   ///< of one product: a batch has as many strips for each
    int cluster;  ///< CTAs of a cluster, 1 or 2
};

template <class Kernel>
struct SmallProducer {
    using SharedStorage = typename Kernel::SharedStorage;
    using State = typename Kernel::State;
    static constexpr int kUnit = Kernel::kUnit;
    static constexpr int kPieceBytes = Kernel::kPieceBytes;
    static constexpr int kSteps = Kernel::kSteps;
    static constexpr int kTileN = Kernel::kTileN;

    /// Units of A, one copy a stage: this CTA's half of them to both CTAs of a cluster. One thread.
    __device__ static void units(SharedStorage& shared, const SpmmSm90SmallParams& p, int begin, int end,
                                 int rank) {
        State state;
        for (int item = begin; item < end; ++item) {
            const int group = p.work[item].tile_row;
            const int stage_end = __ldg(p.group_stages + group + 1);
            const int stage_begin = __ldg(p.group_stages + group);
            int first = __ldg(p.stage_units + stage_begin);
            int next_first = __ldg(p.stage_units + stage_begin + 1);
#pragma unroll 1
            for (int stage = stage_begin; stage < stage_end; ++stage) {
                const std::uint32_t bytes = (next_first - first) * unit_bytes(kUnit);
                const std::uint8_t* units = p.packed + static_cast<std::int64_t>(first) * unit_bytes(kUnit);
                first = next_first;
                next_first = __ldg(p.stage_units + stage + 2);

                ptx::mbarrier_wait(&shared.empty[state.stage], state.phase ^ 1);
                std::uint64_t* full = &shared.full[state.stage];
                std::uint8_t* slot = shared.a[state.stage];
                ptx::mbarrier_arrive_expect_tx(full, bytes);
                if (p.cluster == 1) {
                    ptx::bulk_load(slot, units, bytes, full);
                } else {
                    const std::uint32_t half = bytes / 2;
                    ptx::bulk_load_multicast(slot + rank * half, units + rank * half, half, full, 0b11);
                }
                state.advance();
            }
        }
    }

    /// Pieces of B for the tile's columns, a lane each; zeros outside B. One warp.
    __device__ static void pieces(SharedStorage& shared, const CUtensorMap& b_map,
                                  const SpmmSm90SmallParams& p, int begin, int end, int rank) {
        const int lane = threadIdx.x % 32;
        const int step_lane = lane % kSteps;
        State state;
        for (int item = begin; item < end; ++item) {
            const WorkItem work = p.work[item];
            const int batch = work.strip / p.strips;
            const int col = ((work.strip - batch * p.strips) * p.cluster + rank) * kTileN;
            const int stage_end = __ldg(p.group_stages + work.tile_row + 1);
            const int stage_begin = __ldg(p.group_stages + work.tile_row);
            if (stage_begin == stage_end) {
                continue;
            }
            UnionStep next = load_step(p, stage_begin, step_lane);
#pragma unroll 1
            for (int stage = stage_begin; stage < stage_end; ++stage) {
                const UnionStep step = next;
                next = load_step(p, min(stage + 1, stage_end - 1), step_lane);
                const int steps = __popc(__ballot_sync(0xFFFFFFFF, lane < kSteps && step.rows != 0));

                ptx::mbarrier_wait(&shared.empty[state.stage], state.phase ^ 1);
                std::uint64_t* full = &shared.full[state.stage];
                if (lane == 0) {
                    ptx::mbarrier_arrive_expect_tx(full, steps * kPieceBytes);
                }
                __syncwarp();
                if (lane < steps) {
                    const int k = step.column * kUnit;
                    std::uint8_t* piece = shared.b[state.stage] + lane * kPieceBytes;
                    if constexpr (Kernel::kRowMajorB) {
                        ptx::tma_load(piece, &b_map, full, col, k, batch);
                        ptx::tma_load(piece + kPieceBytes / 2, &b_map, full, col + 64, k, batch);
                    } else {
                        ptx::tma_load(piece, &b_map, full, k, col, batch);
                    }
                }
                __syncwarp();
                state.advance();
            }
        }
    }

    __device__ static UnionStep load_step(const SpmmSm90SmallParams& p, int stage, int step) {
        const int2 raw = __ldg(reinterpret_cast<const int2*>(p.steps + stage * kSteps + step));
        return {raw.x, static_cast<std::uint32_t>(raw.y)};
    }
};

}  // namespace bsk
