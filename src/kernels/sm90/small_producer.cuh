// Producer warps of spmm_sm90_small: one for B, two for A, one for what consumers multiply.
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
    static constexpr int kUnitWarps = 2;                    ///< warps that load units
    static constexpr int kLaneUnits = kUnit == 16 ? 2 : 1;  ///< of a stage: `lane` and `lane + 32`
    static_assert(kGroupStageBytes / kUnitBytes <= 32 * kLaneUnits);

    /// Units of A: a warp has every second stage, from that of `part` on, and its lanes start loading a run of units each.
    /// What a stage's loads take is read and computed before the wait for its place in the ring.
    __device__ static void units(SharedStorage& shared, const CUtensorMap& a_map,
                                 const SpmmSm90SmallParams& p, int begin, int end, int rank, int part) {
        const int lane = threadIdx.x % 32;
        State of_tile;   // at its first stage
        int parity = 0;  // of the stages of all tiles before
        for (int item = begin; item < end; ++item) {
            const StageRange stages(p, p.work[item]);
            const int skipped = (part + parity) % kUnitWarps;
            State state = of_tile;
            state.advance(skipped);
            of_tile.advance(stages.end - stages.begin);
            parity = (parity + stages.end - stages.begin) % kUnitWarps;
            if (stages.begin + skipped >= stages.end) {
                continue;
            }
            StageUnits next(p, stages.begin + skipped);
#pragma unroll 1
            for (int stage = stages.begin + skipped; stage < stages.end; stage += kUnitWarps) {
                Run runs[kLaneUnits];
#pragma unroll
                for (int i = 0; i < kLaneUnits; ++i) {
                    runs[i] = run_of_lane(next.index[i], next.count - 32 * i, rank, p);
                }
                next = StageUnits(p, min(stage + kUnitWarps, stages.end - 1));

                ptx::mbarrier_wait(&shared.empty[state.stage], state.phase ^ 1);
#pragma unroll
                for (int i = 0; i < kLaneUnits; ++i) {
                    if (runs[i].length > 0) {
                        load_units(shared.stages[state.stage].a + (lane + 32 * i) * kUnitBytes, runs[i],
                                   a_map, &shared.full[state.stage], p);
                    }
                }
                state.advance(kUnitWarps);
            }
        }
    }

    /// Pieces of B for the tile's columns. Boxes outside B are left out: what is multiplied there is not stored, and TMA takes
    /// longer to fill in zeros than to load.
    __device__ static void pieces(SharedStorage& shared, const CUtensorMap& b_map,
                                  const SpmmSm90SmallParams& p, int begin, int end, int rank) {
        const int lane = threadIdx.x % 32;
        const int step_lane = lane % kGroupStageSteps;
        State state;
        for (int item = begin; item < end; ++item) {
            const SmallPlace at = place_of(p, p.work[item], rank);
            const StageRange stages(p, p.work[item]);
            if (stages.begin == stages.end) {
                continue;
            }
            const int columns = columns_of_b(p, at.col);
            UnionStep next = load_step(p, stages.begin, step_lane);
#pragma unroll 1
            for (int stage = stages.begin; stage < stages.end; ++stage) {
                const UnionStep step = next;
                next = load_step(p, min(stage + 1, stages.end - 1), step_lane);
                const int steps =
                    __popc(__ballot_sync(0xFFFFFFFF, lane < kGroupStageSteps && step.rows != 0));

                ptx::mbarrier_wait(&shared.empty[state.stage], state.phase ^ 1);
                std::uint64_t* full = &shared.full[state.stage];
                if (lane == 0) {
                    ptx::mbarrier_arrive_expect_tx(full, steps * columns * kGroupStepK * 2);
                }
                if (lane < steps && columns > 0) {
                    load_piece(shared.stages[state.stage].b + lane * kPieceBytes, b_map, full,
                               step.column * kGroupStepK, at, columns, p.one_box_b);
                }
                state.advance();
            }
        }
    }

    /// SmallLists of every stage. Also tells the barrier how many bytes of units come, from whichever CTA of the cluster.
    __device__ static void lists(SharedStorage& shared, const SpmmSm90SmallParams& p, int begin, int end) {
        using Lists = SmallLists<kUnit>;
        constexpr int kColumns = Lists::kColumns;
        constexpr int kPerStep = kGroupStepK / kUnit;
        constexpr int kBandUnits = kBandRows / kUnit;  // unit rows
        constexpr std::uint32_t kBandColumns = (1U << kColumns) - 1;
        // A lane has a column of a band: bit `lane` of the votes below. Lanes beyond the last band have nothing.
        const int lane = threadIdx.x % 32;
        const int column = lane % kColumns;
        const int band = lane / kColumns;
        const int band_bit = lane - column;
        const bool has_band = band < kSmallConsumers;
        const std::uint32_t columns_before = (1U << column) - 1;
        const std::uint32_t bands_before = (1U << band_bit) - 1;
        State state;
        for (int item = begin; item < end; ++item) {
            const StageRange stages(p, p.work[item]);
            if (stages.begin == stages.end) {
                continue;
            }
            UnionStep next = load_step(p, stages.begin, column / kPerStep);
            int first_unit = __ldg(p.stage_units + stages.begin);
            int next_first_unit = __ldg(p.stage_units + stages.begin + 1);
#pragma unroll 1
            for (int stage = stages.begin; stage < stages.end; ++stage) {
                const std::uint32_t of_group = next.rows >> 16 * (column % kPerStep);
                next = load_step(p, min(stage + 1, stages.end - 1), column / kPerStep);
                // As many as the warps that load them count, also where A's indices were wrong.
                const int units = next_first_unit - first_unit;
                first_unit = next_first_unit;
                next_first_unit = __ldg(p.stage_units + stage + 2);
                const std::uint32_t rows =
                    has_band ? of_group >> band * kBandUnits & ((1U << kBandUnits) - 1) : 0;
                const std::uint32_t active = __ballot_sync(0xFFFFFFFF, rows != 0) >> band_bit & kBandColumns;
                const int place = __popc(active & columns_before);
                std::uint32_t stored[kBandUnits];  // what the bands' row of this index stores
                int unit = 0;                      // of the stage, the first of the band
#pragma unroll
                for (int row = 0; row < kBandUnits; ++row) {
                    stored[row] = __ballot_sync(0xFFFFFFFF, (rows >> row & 1) != 0);
                    unit += __popc(stored[row] & bands_before);
                }

                ptx::mbarrier_wait(&shared.empty[state.stage], state.phase ^ 1);
                const std::uint8_t* b =
                    shared.stages[state.stage].b + slice_offset<Kernel::kRowMajorB>(column * (kUnit / 16));
                const std::uint32_t start_of_b = ptx::shared_address(b) >> 4 & Lists::kStartOfB;
                const std::uint32_t last = active >> column == 1 ? Lists::kLast : 0;
                auto* list = shared.lists[state.stage].entries + band * kBandUnits;
#pragma unroll
                for (int row = 0; row < kBandUnits; ++row) {
                    const std::uint32_t of_row = stored[row] >> band_bit & kBandColumns;
                    const bool stores = (rows >> row & 1) != 0;
                    const std::uint32_t offset = (unit + __popc(of_row & columns_before)) * kUnitBytes;
                    if (rows != 0) {
                        list[row][place] =
                            (stores ? offset : Lists::kNoUnit) << Lists::kUnitShift | start_of_b | last;
                    }
                    unit += __popc(of_row);
                }
                if (has_band && column == 0 && active == 0) {
#pragma unroll
                    for (int row = 0; row < kBandUnits; ++row) {
                        list[row][0] = 0;
                    }
                }
                __syncwarp();
                if (lane == 0) {
                    ptx::mbarrier_arrive_expect_tx(&shared.full[state.stage], units * kUnitBytes);
                }
                state.advance();
            }
        }
    }

private:
    /// Columns of B that are loaded for the tile from `col` on.
    __device__ static int columns_of_b(const SpmmSm90SmallParams& p, int col) {
        const int left = max(0, p.n - col);
        if constexpr (Kernel::kRowMajorB) {
            return min(Kernel::kTileN, (left + kPanelCols - 1) / kPanelCols * kPanelCols);
        } else {
            return left > 0 ? small_box_lines(p.n) : 0;
        }
    }

    /// One thread: starts loading rows k .. k+31 of `columns` of the tile's columns of B.
    __device__ static void load_piece(std::uint8_t* piece, const CUtensorMap& b_map, std::uint64_t* full,
                                      int k, const SmallPlace& at, int columns, bool one_box) {
        if constexpr (!Kernel::kRowMajorB) {
            ptx::tma_load(piece, &b_map, full, k, at.col, at.batch);
        } else if (one_box) {
            ptx::tma_load(piece, &b_map, full, 0, k, at.col / kPanelCols, at.batch);
        } else {
            ptx::tma_load(piece, &b_map, full, at.col, k, at.batch);
            if (columns > kPanelCols) {
                ptx::tma_load(piece + kPieceBytes / 2, &b_map, full, at.col + kPanelCols, k, at.batch);
            }
        }
    }

    /// What a lane reads of a stage's units.
    struct StageUnits {
        int count;
        int index[kLaneUnits];

        __device__ StageUnits(const SpmmSm90SmallParams& p, int stage) {
            const int first = __ldg(p.stage_units + stage);
            count = __ldg(p.stage_units + stage + 1) - first;
#pragma unroll
            for (int i = 0; i < kLaneUnits; ++i) {
                index[i] = __ldg(p.units + first + threadIdx.x % 32 + 32 * i);
            }
        }
    };

    /// Units from `index` on, loaded as one.
    struct Run {
        int index;
        int length;  ///< 0: nothing to load
    };

    /// Units that follow each other in memory, as blocks of 16 x 16 of a row do, are loaded as one.
    __device__ static bool loads_runs(const SpmmSm90SmallParams& p) {
        return kUnit == 16 && p.units_per_row_log2 == 0;
    }

    /// What the lane loads of 32 units, of which `count` are the stage's: the run that begins with its own. The CTAs of a
    /// cluster load every other run.
    __device__ static Run run_of_lane(int index, int count, int rank, const SpmmSm90SmallParams& p) {
        const int lane = threadIdx.x % 32;
        const int before = __shfl_up_sync(0xFFFFFFFF, index, 1);
        const bool begins = lane == 0 || index != before + 1 || !loads_runs(p);
        const std::uint32_t starts = __ballot_sync(0xFFFFFFFF, begins && lane < count);
        const int runs_before = __popc(starts & ((1U << lane) - 1));
        if ((starts >> lane & 1) == 0 || (p.cluster == 2 && runs_before % 2 != rank)) {
            return {index, 0};
        }
        const int to_next = __ffs(static_cast<int>(starts >> lane >> 1));
        return {index, to_next != 0 ? to_next : min(count, 32) - lane};
    }

    /// One thread: starts loading a run to `slot` of every CTA of the cluster.
    __device__ static void load_units(std::uint8_t* slot, Run run, const CUtensorMap& a_map,
                                      std::uint64_t* full, const SpmmSm90SmallParams& p) {
        constexpr std::uint16_t kBoth = 0b11;
        if (loads_runs(p)) {
            const std::uint8_t* units = p.values + std::int64_t{run.index} * kUnitBytes;
            if (p.cluster == 1) {
                ptx::bulk_load(slot, units, full, run.length * kUnitBytes);
            } else {
                ptx::bulk_load_multicast(slot, units, full, run.length * kUnitBytes, kBoth);
            }
            return;
        }
        const int x = (run.index & ((1 << p.units_per_row_log2) - 1)) * kUnit;
        const int y = (run.index >> p.units_per_row_log2) * kUnit;
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
