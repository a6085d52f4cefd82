// Producer warps of spmm_sm90_small: one for B, three for A.
#pragma once

#include <cstdint>

#include "kernels/sm90/ptx.cuh"
#include "kernels/sm90/small_stage.cuh"

namespace bsk {

template <class Kernel>
struct SmallProducer {
    using SharedStorage = typename Kernel::SharedStorage;
    using State = typename Kernel::State;
    static constexpr int kUnit = Kernel::kUnit;
    static constexpr int kUnitBytes = SmallStage<kUnit>::kUnitBytes;
    static constexpr int kUnitWarps = 3;  ///< warps that load units

    /// Units of A, every kUnitWarps-th of this CTA's from `part` on. Their indices are read one stage ahead, a lane
    /// each. Every warp arrives at every stage, also where none of its units are, so that none falls a round
    /// behind: its parity wait would alias.
    __device__ static void units(SharedStorage& shared, const CUtensorMap& a_map,
                                 const SpmmSm90SmallParams& p, int begin, int end, int rank, int part) {
        const int lane = threadIdx.x % 32;
        const int own = rank + part * p.cluster;
        const int stride = kUnitWarps * p.cluster;
        static_assert(kMostStageUnits <= 32 * kUnitWarps);
        const int ahead = min(own + lane * stride, kMostStageUnits - 1);
        State state;
        for (int item = begin; item < end; ++item) {
            const int group = p.work[item].tile_row;
            const int stage_end = __ldg(p.group_stages + group + 1);
            const int stage_begin = __ldg(p.group_stages + group);
            int first = __ldg(p.stage_units + stage_begin);
            int next_first = __ldg(p.stage_units + stage_begin + 1);
            int next_unit = __ldg(p.units + first + ahead);
#pragma unroll 1
            for (int stage = stage_begin; stage < stage_end; ++stage) {
                const int units = next_first - first;
                const int unit = next_unit;
                first = next_first;
                next_first = __ldg(p.stage_units + stage + 2);
                next_unit = __ldg(p.units + first + ahead);

                ptx::mbarrier_wait(&shared.empty[state.stage], state.phase ^ 1);
                std::uint64_t* full = &shared.full[state.stage];
                if (lane == 0) {
                    ptx::mbarrier_arrive_expect_tx(full, part == 0 ? units * kUnitBytes : 0);
                }
#pragma unroll 1
                for (int i = own, source = 0; i < units; i += stride, ++source) {
                    const int index = __shfl_sync(0xFFFFFFFF, unit, source);
                    if (lane == 0) {
                        load_unit(shared.stages[state.stage].a + i * kUnitBytes, index, a_map, full, p);
                    }
                }
                state.advance();
            }
        }
    }

    /// Pieces of B for the tile's columns; zeros outside B.
    __device__ static void pieces(SharedStorage& shared, const CUtensorMap& b_map,
                                  const SpmmSm90SmallParams& p, int begin, int end, int rank) {
        const int lane = threadIdx.x % 32;
        const int step_lane = lane % kGroupStageSteps;
        State state;
        for (int item = begin; item < end; ++item) {
            const SmallPlace at = place_of(p, p.work[item], rank);
            const int stage_end = __ldg(p.group_stages + at.group + 1);
            const int stage_begin = __ldg(p.group_stages + at.group);
            if (stage_begin == stage_end) {
                continue;
            }
            UnionStep next = load_step(p, stage_begin, step_lane);
#pragma unroll 1
            for (int stage = stage_begin; stage < stage_end; ++stage) {
                const UnionStep step = next;
                next = load_step(p, min(stage + 1, stage_end - 1), step_lane);
                const int steps =
                    __popc(__ballot_sync(0xFFFFFFFF, lane < kGroupStageSteps && step.rows != 0));

                ptx::mbarrier_wait(&shared.empty[state.stage], state.phase ^ 1);
                std::uint64_t* full = &shared.full[state.stage];
                if (lane == 0) {
                    ptx::mbarrier_arrive_expect_tx(full, steps * kPieceBytes);
                }
#pragma unroll 1
                for (int i = 0; i < steps; ++i) {
                    const int k = __shfl_sync(0xFFFFFFFF, step.column, i) * kGroupStepK;
                    std::uint8_t* piece = shared.stages[state.stage].b + i * kPieceBytes;
                    if (lane == 0) {
                        if constexpr (Kernel::kRowMajorB) {
                            ptx::tma_load(piece, &b_map, full, at.col, k, at.batch);
                            ptx::tma_load(piece + kPieceBytes / 2, &b_map, full, at.col + 64, k, at.batch);
                        } else {
                            ptx::tma_load(piece, &b_map, full, k, at.col, at.batch);
                        }
                    }
                }
                state.advance();
            }
        }
    }

private:
    /// One thread: starts loading unit `index` to `slot` of every CTA of the cluster. A block of 16 x 16 follows itself in
    /// memory: a bulk copy is faster than a box of 32-byte rows (docs/worklog/small-blocks.md).
    __device__ static void load_unit(std::uint8_t* slot, int index, const CUtensorMap& a_map,
                                     std::uint64_t* full, const SpmmSm90SmallParams& p) {
        constexpr std::uint16_t kBoth = 0b11;
        if (kUnit == 16 && p.units_per_row_log2 == 0) {
            const std::uint8_t* unit = p.values + std::int64_t{index} * kUnitBytes;
            if (p.cluster == 1) {
                ptx::bulk_load(slot, unit, full, kUnitBytes);
            } else {
                ptx::bulk_load_multicast(slot, unit, full, kUnitBytes, kBoth);
            }
            return;
        }
        const int x = (index & ((1 << p.units_per_row_log2) - 1)) * kUnit;
        const int y = (index >> p.units_per_row_log2) * kUnit;
        if (p.cluster == 1) {
            ptx::tma_load(slot, &a_map, full, x, y);
        } else {
            ptx::tma_load_multicast(slot, &a_map, full, x, y, kBoth);
        }
    }

    __device__ static UnionStep load_step(const SpmmSm90SmallParams& p, int stage, int step) {
        const int2 raw = __ldg(reinterpret_cast<const int2*>(p.steps + stage * kGroupStageSteps + step));
        return {raw.x, static_cast<std::uint32_t>(raw.y)};
    }
};

}  // namespace bsk
