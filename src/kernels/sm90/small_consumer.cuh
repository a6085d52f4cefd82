// Consumers of spmm_sm90_small: blocks padded to the 64 rows of wgmma.
//
// Four warpgroups, each a band of 64 of the tile's rows and all of its columns, 64 accumulators a thread. A column is one of
// units, 16 or 32 of k. Each warp brings the 16 rows that it has of the unit stored there, or zeros, to registers as its rows
// of wgmma's A operand (m64n128k16), in the order of SmallLists, which leave out columns where no row of the band stores
// anything. Two sets of registers take turns: one is loaded while the products of the other are in flight.
//
// Zeros times an infinity or NaN of B are NaN in rows that store nothing there. Where sums are not finite, the warp takes its
// 16 rows again from global memory, without padding (take_again).
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <bsk/types.h>

#include "kernels/sm80/mma.cuh"
#include "kernels/sm90/epilogue.cuh"
#include "kernels/sm90/partial_sums.cuh"
#include "kernels/sm90/ptx.cuh"
#include "kernels/sm90/ring.cuh"
#include "kernels/sm90/small_config.h"
#include "kernels/sm90/small_stage.cuh"
#include "kernels/sm90/wgmma.cuh"

namespace bsk {

template <SpmmSm90SmallConfig kConfig>
struct SmallConsumer {
    // Registers of a thread after the roles part: 128*32 + 512*112 = 61440, the 96 a thread of the launch.
    static constexpr int kProducerRegisters = 32;
    static constexpr int kRegisters = 112;
    static constexpr int kBarrier = 1;  // named barrier, + consumer: its own 128 threads

    static constexpr int kUnit = kConfig.unit;
    static constexpr int kUnitBytes = SmallStage<kUnit>::kUnitBytes;
    static constexpr int kSlices = kUnit / 16;  ///< of k in a unit
    static constexpr bool kRowMajorB = kConfig.b_layout == Layout::row_major;

    using State = PipelineState<kSmallStages>;
    /// Of a warp: its rows may lie anywhere in C.
    using WarpEpilogue = WgmmaEpilogue<kConfig.c_dtype, kConfig.c_layout, 1, kSm90SmallTileN, 16>;
    using Accumulators = float[kSm90SmallTileN / 2];
    using Lists = SmallLists<kUnit>;
    static constexpr int kColumns = Lists::kColumns;

    static constexpr int kWarpRows = 16;
    /// First row in the group of a consumer warp, counted from 0.
    __device__ static int first_row(int warp) { return warp * kWarpRows; }

    /// Byte offset in a unit of the 16 bytes that this lane addresses for ldmatrix: lanes 8q .. 8q+7 address rows +8 where q is
    /// odd, columns +8 where q >= 2. Rows of 64 bytes are swizzled by as many.
    __device__ static std::uint32_t lane_offset(int first_row) {
        const int lane = threadIdx.x % 32;
        const int row = first_row % kUnit + lane % 16;
        return kUnit == 16 ? row * 32 + lane / 16 * 16 : row * 64 + ((lane / 16 ^ row / 2 % 4) << 4);
    }

    /// Matrix descriptor of B but for where it begins (SmallLists::kStartOfB).
    template <class SharedStorage>
    __device__ static std::uint64_t descriptor_of_b(const SharedStorage& shared) {
        constexpr std::uint64_t kStart = 0x3FFF;
        return ~kStart & (kRowMajorB ? ptx::matrix_descriptor(shared.stages[0].b, kPieceBytes / 2)
                                     : ptx::kNarrowMatrixDescriptorBase);
    }

    /// Adds up `stages` stages, at least one, from `state` on; nothing is in flight or held at the end.
    template <class SharedStorage>
    __device__ static void accumulate(Accumulators& acc, SharedStorage& shared, State& state, int stages,
                                      int cluster, int warp) {
        static_assert(offsetof(SharedStorage, zeros) >= sizeof(shared.stages));
        static_assert(Lists::kNoUnit >= sizeof(SharedStorage));
        const int row = first_row(warp);
        const int lane = threadIdx.x % 32;
        const std::uint32_t base = ptx::kept(ptx::shared_address(&shared));
        const std::uint32_t first_unit = ptx::kept(base + lane_offset(row));
        const std::uint32_t zeros = base + offsetof(SharedStorage, zeros);
        const std::uint32_t full = base + offsetof(SharedStorage, full);
        const bool releases = lane < cluster;  // the stages of this CTA of the cluster
        const std::uint32_t empty =
            ptx::remote_address(base + offsetof(SharedStorage, empty), releases ? lane : 0);
        const std::uint32_t list = base + offsetof(SharedStorage, lists) + row / kUnit * kColumns * 4;
        const std::uint64_t descriptor = descriptor_of_b(shared);
        const std::uint32_t descriptor_low = ptx::kept(static_cast<std::uint32_t>(descriptor));

        std::uint32_t fragments[2][kSlices][4] = {};
        std::uint32_t entries[kColumns];
        const auto enter_stage = [&] {
            ptx::mbarrier_wait(full + state.stage * sizeof(shared.full[0]), state.phase);
#pragma unroll
            for (int i = 0; i < kColumns; i += 4) {
                ptx::load_shared_x4(reinterpret_cast<std::uint32_t(&)[4]>(entries[i]),
                                    list + state.stage * sizeof(Lists) + i * 4);
            }
        };

        enter_stage();
#pragma unroll 1
        while (true) {
            const int stage = state.stage;
            state.advance();
            --stages;
            if (entries[0] != 0) {
                const std::uint32_t units = first_unit + stage * sizeof(SmallStage<kUnit>);
#pragma unroll
                for (int column = 0; column < kColumns; ++column) {
                    const std::uint32_t entry = entries[column];
                    auto& fragment = fragments[column % 2];
                    const std::uint32_t source = min(units + (entry >> Lists::kUnitShift), zeros);
                    const std::uint64_t b = descriptor | (descriptor_low | (entry & Lists::kStartOfB));
#pragma unroll
                    for (int slice = 0; slice < kSlices; ++slice) {
                        ptx::reload_matrix_x4(fragment[slice], source ^ slice * 32);
                    }
                    ptx::wgmma_fence();
#pragma unroll
                    for (int slice = 0; slice < kSlices; ++slice) {
                        ptx::wgmma_m64n128k16<kConfig.dtype, kRowMajorB ? 1 : 0>(
                            acc, fragment[slice], b + (slice_offset<kRowMajorB>(slice) >> 4));
                    }
                    ptx::wgmma_commit();
                    ptx::wgmma_wait<1>();  // the other set of fragments is free
                    if ((entry & Lists::kLast) != 0) {
                        break;
                    }
                }
                if (stages > 0) {
                    enter_stage();  // under the last products
                }
                ptx::wgmma_wait<0>();
            } else if (stages > 0) {
                enter_stage();
            }
            __syncwarp();  // an arrival releases the reads of its own lane only
            // Each warp: no barrier keeps the four together where a stage is skipped.
            if (releases) {
                ptx::mbarrier_arrive_remote(empty + stage * sizeof(shared.empty[0]));
            }
            if (stages == 0) {
                return;
            }
        }
    }

    /// What a warp's unit row stores in a stage, by the plan.
    struct StoredUnits {
        std::uint32_t columns;  ///< bit c: a unit in column c
        int first;              ///< which of the stage's units is its first

        __device__ StoredUnits(const SpmmSm90SmallParams& p, int stage, int unit_row) {
            constexpr int kPerStep = kGroupStepK / kUnit;
            const int lane = threadIdx.x % 32;
            const std::uint32_t rows =  // of the column of the lane that store a unit there
                lane < kColumns ? __ldg(&p.steps[stage * kGroupStageSteps + lane / kPerStep].rows) >>
                                          16 * (lane % kPerStep) &
                                      0xFFFF
                                : 0;
            columns = __ballot_sync(0xFFFFFFFF, (rows >> unit_row & 1) != 0);
            const std::uint32_t before = rows & ((1U << unit_row) - 1);
            first = static_cast<int>(__reduce_add_sync(0xFFFFFFFF, static_cast<unsigned>(__popc(before))));
        }
    };

    /// The warp's 16 x 128 sums of these stages again, from its own units alone: mma.sync on global memory, of
    /// which the accumulators lie as those of wgmma do.
    __device__ static void take_again(Accumulators& acc, const SpmmSm90SmallParams& p, const SmallPlace& at,
                                      const StageRange& stages, int warp) {
        const int lane = threadIdx.x % 32;
        const int warp_row = first_row(warp);
        const int row = warp_row % kUnit + lane / 4;  // of a unit
        const std::int64_t row_elements = std::int64_t{kUnit} << p.units_per_row_log2;
        const auto* values = reinterpret_cast<const std::uint16_t*>(p.values);
        const std::uint16_t* b = p.b + at.batch * p.stride_b;
        const auto element_of_b = [&](int k, int column) -> std::uint32_t {
            return k < p.k && column < p.n ? b[kRowMajorB ? k * p.ldb + column : column * p.ldb + k]
                                           : std::uint16_t{0};
        };
#pragma unroll
        for (float& x : acc) {
            x = 0.0F;
        }
#pragma unroll 1
        for (int slice = stages.begin * (kGroupStageK / 16); slice < stages.end * (kGroupStageK / 16);
             ++slice) {
            const int stage = slice / (kGroupStageK / 16);
            const int in_stage = slice % (kGroupStageK / 16);
            const int unit_column = in_stage / kSlices;
            const StoredUnits stored(p, stage, warp_row / kUnit);
            if ((stored.columns >> unit_column & 1) == 0) {
                continue;
            }
            const int place = stored.first + __popc(stored.columns & ((1U << unit_column) - 1));
            const int unit = __ldg(p.units + __ldg(p.stage_units + stage) + place);
            const std::uint16_t* rows =
                values + ((unit >> p.units_per_row_log2) * kUnit + row) * row_elements +
                (unit & ((1 << p.units_per_row_log2) - 1)) * kUnit + in_stage % kSlices * 16 + lane % 4 * 2;
            sm80::Fragment a;
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                a.reg[i] =
                    *reinterpret_cast<const std::uint32_t*>(rows + i % 2 * 8 * row_elements + i / 2 * 8);
            }
            const int step = in_stage / (kGroupStepK / 16);
            const int k = p.steps[stage * kGroupStageSteps + step].column * kGroupStepK +
                          in_stage % (kGroupStepK / 16) * 16 + lane % 4 * 2;
#pragma unroll
            for (int group = 0; group < kSm90SmallTileN / 8; ++group) {
                const int column = at.col + group * 8 + lane / 4;
                using T = std::conditional_t<kConfig.dtype == DType::f16, __half, __nv_bfloat16>;
                sm80::mma_m16n8k16<T>(reinterpret_cast<float(&)[4]>(acc[4 * group]), a,
                                      element_of_b(k, column) | element_of_b(k + 1, column) << 16,
                                      element_of_b(k + 8, column) | element_of_b(k + 9, column) << 16);
            }
        }
    }

    /// Whether the first `columns` are. What lies behind is not stored, nor is what was multiplied there always loaded.
    __device__ static bool is_finite(const Accumulators& acc, int columns) {
        float zero = 0.0F;
#pragma unroll
        for (int group = 0; group < kSm90SmallTileN / 8; ++group) {
            if (group * 8 < columns) {
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    zero = __fmaf_rn(acc[4 * group + i], 0.0F, zero);  // NaN once the sum is not finite
                }
            }
        }
        return zero == 0.0F;
    }

    template <class SharedStorage>
    __device__ static void consume(SharedStorage& shared, const EpilogueParams& epilogue_params,
                                   const SpmmSm90SmallParams& p, int begin, int end, int rank, int warp) {
        const int consumer = warp * kWarpRows / kBandRows;
        const int row_in_group = first_row(warp);
        WarpEpilogue epilogue(epilogue_params, shared.c[warp], &shared.c_full[warp * WarpEpilogue::kBuffers],
                              kBarrier + consumer);
        State state;
        for (int item = begin; item < end; ++item) {
            const WorkItem work = p.work[item];
            const SmallPlace at = place_of(p, work, rank);
            const StageRange stages(p, work);
            Accumulators acc = {};
            if (stages.begin < stages.end) {
                accumulate(acc, shared, state, stages.end - stages.begin, p.cluster, warp);
            }
            ptx::settle(acc);
            if (__any_sync(0xFFFFFFFF, !is_finite(acc, p.n - at.col))) {
                take_again(acc, p, at, stages, warp);
            }
            const bool is_whole = add_partial_sums(acc, p, work.part, rank * kSmallConsumers + consumer,
                                                   p.cluster * kSmallConsumers, kBarrier + consumer);
            // By a vote: only so does ptxas see that warps stay together, and keeps the loop's state in uniform registers.
            if (!__all_sync(0xFFFFFFFF, is_whole)) {
                continue;
            }
            const int unit_row = __ldg(p.group_rows + at.group * Lists::kRows + row_in_group / kUnit);
            epilogue.store(acc, make_int2(unit_row * kUnit + row_in_group % kUnit, at.col), at.batch);
        }
        epilogue.finish_stores();
    }
};

}  // namespace bsk
