// Producer warps of spmm_sm90_small: one for B, three for A.
#pragma once

#include <cstdint>

#include "kernels/sm90/ptx.cuh"
#include "kernels/sm90/small_stage.cuh"
#include "kernels/sm90/tensor_map.h"

namespace bsk {

template <class Kernel>
struct SmallProducer {
    using SharedStorage = typename Kernel::SharedStorage;
    using State = typename Kernel::State;
    static constexpr int kUnit = Kernel::kUnit;
    static constexpr int kUnitBytes = SmallStage<kUnit>::kUnitBytes;
    static constexpr int kUnitWarps = 3;                    ///< warps that load units
    static constexpr int kLaneUnits = kUnit == 16 ? 2 : 1;  ///< of a stage

    /// Units of A, shared by this many warps of each CTA: a lane starts loading those of slots `lane` and `lane + 32` of the
    /// stage where it is their warp's turn. Indices are read one stage ahead. Every warp arrives at every stage, also where
    /// none of its units are, so that none falls a round behind: its parity wait would alias.
    __device__ static void units(SharedStorage& shared, const CUtensorMap& a_map,
                                 const SpmmSm90SmallParams& p, int begin, int end, int rank, int part) {
        const int lane = threadIdx.x % 32;
        const int stride = kUnitWarps * p.cluster;
        const int own = rank + part * p.cluster;
        static_assert(kGroupStageBytes / kUnitBytes <= 32 * kLaneUnits);
        State state;
        for (int item = begin; item < end; ++item) {
            const int group = p.work[item].tile_row;
            const int stage_end = __ldg(p.group_stages + group + 1);
            const int stage_begin = __ldg(p.group_stages + group);
            int first = __ldg(p.stage_units + stage_begin);
            int next_first = __ldg(p.stage_units + stage_begin + 1);
            int2 next = load_indices(p, first);
#pragma unroll 1
            for (int stage = stage_begin; stage < stage_end; ++stage) {
                const int count = next_first - first;
                const int2 index = next;
                first = next_first;
                next_first = __ldg(p.stage_units + stage + 2);
                next = load_indices(p, first);
                const std::uint64_t starts = run_starts(index, p) & (~std::uint64_t{0} >> (64 - count));

                ptx::mbarrier_wait(&shared.empty[state.stage], state.phase ^ 1);
                std::uint64_t* full = &shared.full[state.stage];
                if (lane == 0) {
                    ptx::mbarrier_arrive_expect_tx(full, part == 0 ? count * kUnitBytes : 0);
                }
#pragma unroll
                for (int i = 0; i < kLaneUnits; ++i) {
                    const int slot = lane + 32 * i;
                    if (slot % stride == own && (starts >> slot & 1) != 0) {
                        const int to_next = __ffsll(static_cast<long long>(starts >> slot >> 1));
                        load_units(shared.stages[state.stage].a + slot * kUnitBytes,
                                   i == 0 ? index.x : index.y, to_next != 0 ? to_next : count - slot, a_map,
                                   full, p);
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
                if (lane < steps) {
                    load_piece(shared.stages[state.stage].b + lane * kPieceBytes, b_map, full,
                               step.column * kGroupStepK, at, p.one_box_b);
                }
                state.advance();
            }
        }
    }

private:
    /// One thread: starts loading rows k .. k+31 of the tile's columns of B.
    __device__ static void load_piece(std::uint8_t* piece, const CUtensorMap& b_map, std::uint64_t* full,
                                      int k, const SmallPlace& at, bool one_box) {
        if constexpr (!Kernel::kRowMajorB) {
            ptx::tma_load(piece, &b_map, full, k, at.col, at.batch);
        } else if (one_box) {
            ptx::tma_load(piece, &b_map, full, 0, k, at.col / kPanelCols, at.batch);
        } else {
            ptx::tma_load(piece, &b_map, full, at.col, k, at.batch);
            ptx::tma_load(piece + kPieceBytes / 2, &b_map, full, at.col + kPanelCols, k, at.batch);
        }
    }

    /// Indices of the units `lane` and `lane + 32` from `first` on.
    __device__ static int2 load_indices(const SpmmSm90SmallParams& p, int first) {
        const std::int32_t* units = p.units + first + threadIdx.x % 32;
        return {__ldg(units), kLaneUnits == 2 ? __ldg(units + 32) : 0};
    }

    /// Units that follow each other in memory, as blocks of 16 x 16 of a row do, are loaded as one.
    __device__ static bool loads_runs(const SpmmSm90SmallParams& p) {
        return kUnit == 16 && p.units_per_row_log2 == 0;
    }

    /// Bit i: unit i of a stage does not follow unit i - 1 in memory.
    __device__ static std::uint64_t run_starts(int2 index, const SpmmSm90SmallParams& p) {
        if (!loads_runs(p)) {
            return ~std::uint64_t{0};
        }
        const int lane = threadIdx.x % 32;
        const int2 before = {__shfl_up_sync(0xFFFFFFFF, index.x, 1), __shfl_up_sync(0xFFFFFFFF, index.y, 1)};
        const int last = __shfl_sync(0xFFFFFFFF, index.x, 31);
        const std::uint64_t low = __ballot_sync(0xFFFFFFFF, lane == 0 || index.x != before.x + 1);
        const std::uint64_t high = __ballot_sync(0xFFFFFFFF, index.y != (lane == 0 ? last : before.y) + 1);
        return low | high << 32;
    }

    /// One thread: starts loading the `run` units from `index` on to `slot` of every CTA of the cluster. More than one
    /// only where loads_runs.
    __device__ static void load_units(std::uint8_t* slot, int index, int run, const CUtensorMap& a_map,
                                      std::uint64_t* full, const SpmmSm90SmallParams& p) {
        constexpr std::uint16_t kBoth = 0b11;
        if (loads_runs(p)) {
            const std::uint8_t* units = p.values + std::int64_t{index} * kUnitBytes;
            if (p.cluster == 1) {
                ptx::bulk_load(slot, units, full, run * kUnitBytes);
            } else {
                ptx::bulk_load_multicast(slot, units, full, run * kUnitBytes, kBoth);
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
