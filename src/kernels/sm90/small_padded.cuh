// Consumers of spmm_sm90_small for units of 16: padded to the 64 rows of wgmma.
//
// Four warpgroups, each a band of 64 of the tile's rows and all of its columns, 64 accumulators a thread. A slice is 16 of k.
// Each warp brings the unit that its 16 rows store there, or zeros, to registers as its rows of wgmma's A operand
// (m64n128k16); slices where no row of the band stores anything are skipped. The products of different warpgroups overlap, so
// each waits for its own before it loads the next unit to the same registers.
//
// Zeros times an infinity or NaN of B are NaN in rows that store nothing there. Where sums are not finite, the warp takes its
// 16 rows again from global memory, without padding (take_again).
#pragma once

#include <cstdint>
#include <type_traits>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <bsk/types.h>

#include "kernels/sm80/mma.cuh"
#include "kernels/sm90/epilogue.cuh"
#include "kernels/sm90/ptx.cuh"
#include "kernels/sm90/ring.cuh"
#include "kernels/sm90/small_config.h"
#include "kernels/sm90/small_stage.cuh"
#include "kernels/sm90/wgmma.cuh"

namespace bsk {

/// What one consumer warp multiplies in a stage.
struct PaddedSlices {
    static constexpr int kSliceK = 16;
    static constexpr int kCount = kGroupStageK / kSliceK;  ///< of a stage at most
    static constexpr int kPerStep = kGroupStepK / kSliceK;
    static constexpr int kBandRows = kGroupChunkRows / 16;  ///< unit rows of a warpgroup

    std::uint32_t active;  ///< bit s: the warpgroup's band stores a unit in slice s
    int source;            ///< lane s: which of the stage's units this warp's rows store in slice s, or -1

    /// Of the step that the lane's slice is part of: the group's unit rows that store a unit in that slice.
    __device__ static std::uint32_t load_rows(const SpmmSm90SmallParams& p, int stage) {
        const int slice = threadIdx.x % kCount;
        return __ldg(&p.steps[stage * kGroupStageSteps + slice / kPerStep].rows) >> 16 * (slice % kPerStep) &
               0xFFFF;
    }

    /// From what load_rows gave for a stage.
    __device__ static PaddedSlices of(std::uint32_t rows, int band) {
        const int lane = threadIdx.x % 32;
        const int warp = threadIdx.x % kWarpgroupThreads / 32;
        const int units = __popc(rows);
        int before = units;  // in the slices before this lane's: an inclusive prefix sum less its own
#pragma unroll
        for (int distance = 1; distance < kCount; distance *= 2) {
            const int other = __shfl_up_sync(0xFFFFFFFF, before, distance);
            before += lane >= distance ? other : 0;
        }
        before -= units;
        const int row = band * kBandRows + warp;
        const bool stored = (rows >> row & 1) != 0;
        const std::uint32_t band_rows = rows >> band * kBandRows & ((1U << kBandRows) - 1);
        return {__ballot_sync(0xFFFFFFFF, lane < kCount && band_rows != 0),
                stored ? before + __popc(rows & ((1U << row) - 1)) : -1};
    }
};

template <SpmmSm90SmallConfig kConfig>
struct PaddedConsumers {
    static_assert(kConfig.unit == 16);
    static constexpr int kWarpgroups = kGroupChunks;
    static constexpr int kReleaseArrivals = 4;  ///< of a warpgroup at `empty` of each CTA

    // Registers of a thread after the roles part: 128*32 + 512*112 = 61440, the 96 a thread of the launch.
    static constexpr int kProducerRegisters = 32;
    static constexpr int kRegisters = 112;
    static constexpr int kBarrier = 1;  // named barrier, + consumer: its own 128 threads

    static constexpr int kUnitBytes = SmallStage<16>::kUnitBytes;
    static constexpr bool kRowMajorB = kConfig.b_layout == Layout::row_major;

    using State = PipelineState<kSmallStages>;
    static constexpr bool kTransposesC = false;
    using TileEpilogue = WarpgroupEpilogue<kConfig.c_dtype, kConfig.c_layout, 1, kSm90SmallTileN>;
    using Accumulators = float[kSm90SmallTileN / 2];
    using Slices = PaddedSlices;

    /// Descriptor of B for a slice of a stage whose pieces start at `pieces`.
    __device__ static std::uint64_t descriptor_of_b(std::uint64_t pieces, int slice) {
        const int in_piece = slice % Slices::kPerStep * Slices::kSliceK * (kRowMajorB ? 128 : 2);
        return pieces + ((slice / Slices::kPerStep * kPieceBytes + in_piece) >> 4);
    }

    /// Adds up the stages [begin, end) of a group; nothing is in flight or held at the end.
    template <class SharedStorage>
    __device__ static void accumulate(Accumulators& acc, std::uint32_t (&fragment)[4], SharedStorage& shared,
                                      const SpmmSm90SmallParams& p, State& state, int begin, int end,
                                      int consumer) {
        const int lane = threadIdx.x % 32;
        // Of ldmatrix: lanes 8q .. 8q+7 address rows +8 where q is odd, columns +8 where q >= 2.
        const std::uint32_t lane_offset = lane % 16 * 32 + lane / 16 * 16;
        Slices slices = Slices::of(Slices::load_rows(p, begin), consumer);
        std::uint32_t next_rows = Slices::load_rows(p, min(begin + 1, end - 1));
#pragma unroll 1
        for (int stage = begin; stage < end; ++stage) {
            const auto& slot = shared.stages[state.stage];
            const std::uint32_t units = ptx::shared_address(slot.a) + lane_offset;
            const std::uint64_t pieces =
                kRowMajorB ? ptx::matrix_descriptor(slot.b, kPieceBytes / 2)
                           : ptx::kNarrowMatrixDescriptorBase | ptx::descriptor_address(slot.b);
            int sources[Slices::kCount];
#pragma unroll
            for (int slice = 0; slice < Slices::kCount; ++slice) {
                sources[slice] = __shfl_sync(0xFFFFFFFF, slices.source, slice);
            }
            ptx::mbarrier_wait(&shared.full[state.stage], state.phase);
#pragma unroll
            for (int slice = 0; slice < Slices::kCount; ++slice) {
                if ((slices.active >> slice & 1) != 0) {
                    ptx::wgmma_wait<0>();
                    ptx::load_matrix_x4_or_zero(sources[slice] >= 0, fragment,
                                                units + sources[slice] * kUnitBytes);
                    ptx::wgmma_fence();
                    ptx::wgmma_m64n128k16<kConfig.dtype, kRowMajorB ? 1 : 0>(acc, fragment,
                                                                             descriptor_of_b(pieces, slice));
                    ptx::wgmma_commit();
                }
            }
            slices = Slices::of(next_rows, consumer);  // under the last product
            next_rows = Slices::load_rows(p, min(stage + 2, end - 1));
            ptx::wgmma_wait<0>();
            __syncwarp();  // an arrival releases the reads of its own lane only
            // Each warp: no barrier keeps the four together where a stage is skipped.
            release_stage_of_warp(&shared.empty[state.stage], p.cluster);
            state.advance();
        }
    }

    /// The warp's 16 x 128 sums of the stages [begin, end) again, from its own units alone: mma.sync on global memory, of
    /// which the accumulators lie as those of wgmma do.
    __device__ static void take_again(Accumulators& acc, const SpmmSm90SmallParams& p, const SmallPlace& at,
                                      int begin, int end, int consumer) {
        const int lane = threadIdx.x % 32;
        const std::int64_t row_elements = std::int64_t{16} << p.units_per_row_log2;
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
        for (int slice = begin * Slices::kCount; slice < end * Slices::kCount; ++slice) {
            const int stage = slice / Slices::kCount;
            const int in_stage = slice % Slices::kCount;
            const int source =
                __shfl_sync(0xFFFFFFFF, Slices::of(Slices::load_rows(p, stage), consumer).source, in_stage);
            if (source < 0) {
                continue;
            }
            const int unit = __ldg(p.units + __ldg(p.stage_units + stage) + source);
            const std::uint16_t* rows = values +
                                        ((unit >> p.units_per_row_log2) * 16 + lane / 4) * row_elements +
                                        (unit & ((1 << p.units_per_row_log2) - 1)) * 16 + lane % 4 * 2;
            sm80::Fragment a;
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                a.reg[i] =
                    *reinterpret_cast<const std::uint32_t*>(rows + i % 2 * 8 * row_elements + i / 2 * 8);
            }
            const UnionStep step = p.steps[stage * kGroupStageSteps + in_stage / Slices::kPerStep];
            const int k =
                step.column * kGroupStepK + in_stage % Slices::kPerStep * Slices::kSliceK + lane % 4 * 2;
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

    __device__ static bool is_finite(const Accumulators& acc) {
        float zero = 0.0F;
#pragma unroll
        for (const float x : acc) {
            zero = __fmaf_rn(x, 0.0F, zero);  // NaN once x is not finite
        }
        return zero == 0.0F;
    }

    template <class SharedStorage>
    __device__ static void consume(SharedStorage& shared, const EpilogueParams& epilogue_params,
                                   const SpmmSm90SmallParams& p, int begin, int end, int rank, int consumer) {
        TileEpilogue epilogue(epilogue_params, shared.c[consumer],
                              &shared.c_full[consumer * TileEpilogue::kBuffers], kBarrier + consumer);
        std::uint32_t fragment[4] = {};
        State state;
        for (int item = begin; item < end; ++item) {
            const SmallPlace at = place_of(p, p.work[item], rank);
            const int stage_begin = __ldg(p.group_stages + at.group);
            const int stage_end = __ldg(p.group_stages + at.group + 1);
            Accumulators acc = {};
            if (stage_begin < stage_end) {
                accumulate(acc, fragment, shared, p, state, stage_begin, stage_end, consumer);
            }
            ptx::settle(acc);
            if (__any_sync(0xFFFFFFFF, !is_finite(acc))) {
                take_again(acc, p, at, stage_begin, stage_end, consumer);
            }
            const int row = __ldg(p.group_chunks + at.group * kGroupChunks + consumer) * kGroupChunkRows;
            epilogue.store(
                acc,
                [&](int offset) {
                    return int2{row, at.col + offset};
                },
                at.batch);
        }
        epilogue.finish_stores();
    }
};

}  // namespace bsk
