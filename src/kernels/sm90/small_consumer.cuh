// Consumers of spmm_sm90_small: blocks padded to the 64 rows of wgmma.
//
// Four warpgroups, each a band of 64 of the tile's rows and all of its columns, 64 accumulators a thread. A column is one of
// units, 16 or 32 of k. Each warp brings the 16 rows that it has of the unit stored there, or zeros, to registers as its rows
// of wgmma's A operand (m64n128k16); columns where no row of the band stores anything are skipped. The products of
// different warpgroups overlap, so each waits for its own before it loads the next unit to the same registers.
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
template <int kUnit>
struct SmallColumns {
    static constexpr int kCount = kGroupStageK / kUnit;  ///< of a stage at most
    static constexpr int kPerStep = kGroupStepK / kUnit;
    static constexpr int kBandRows = kGroupChunkRows / kUnit;  ///< unit rows of a warpgroup

    std::uint32_t active;  ///< bit c: the warpgroup's band stores a unit in column c
    std::uint32_t stored;  ///< bit c: the unit row of this warp's 16 rows does
    std::uint32_t first;   ///< which of the stage's units is that row's first

    /// Of the column of the lane: the group's unit rows that store a unit there.
    __device__ static std::uint32_t load_rows(const SpmmSm90SmallParams& p, int stage) {
        const int lane = threadIdx.x % 32;
        if (lane >= kCount) {
            return 0;
        }
        return __ldg(&p.steps[stage * kGroupStageSteps + lane / kPerStep].rows) >> 16 * (lane % kPerStep) &
               0xFFFF;
    }

    /// From what load_rows gave for a stage.
    __device__ static SmallColumns of(std::uint32_t rows, int band) {
        const int warp = threadIdx.x % kWarpgroupThreads / 32;
        const int row = band * kBandRows + warp * 16 / kUnit;
        const std::uint32_t band_rows = ((1U << kBandRows) - 1) << band * kBandRows;
        return {__ballot_sync(0xFFFFFFFF, (rows & band_rows) != 0),
                __ballot_sync(0xFFFFFFFF, (rows >> row & 1) != 0),
                __reduce_add_sync(0xFFFFFFFF, static_cast<unsigned>(__popc(rows & ((1U << row) - 1))))};
    }

    /// Which of the stage's units the row stores in a column of `stored`.
    __device__ std::uint32_t source(int column) const {
        return first + __popc(stored & ((1U << column) - 1));
    }
};

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
    using TileEpilogue = WarpgroupEpilogue<kConfig.c_dtype, kConfig.c_layout, 1, kSm90SmallTileN>;
    using Accumulators = float[kSm90SmallTileN / 2];
    using Columns = SmallColumns<kUnit>;
    using Fragments = std::uint32_t[kSlices][4];

    /// Byte offset in a unit of the 16 bytes that this lane addresses for ldmatrix: lanes 8q .. 8q+7 address rows +8 where q is
    /// odd, columns +8 where q >= 2. Rows of 64 bytes are swizzled by as many.
    __device__ static std::uint32_t lane_offset() {
        const int lane = threadIdx.x % 32;
        const int row = threadIdx.x % kWarpgroupThreads / 32 * 16 % kUnit + lane % 16;
        return kUnit == 16 ? row * 32 + lane / 16 * 16 : row * 64 + ((lane / 16 ^ row / 2 % 4) << 4);
    }

    /// Descriptor of B for 16 of k, `slice` of a stage whose pieces start at `pieces`.
    __device__ static std::uint64_t descriptor_of_b(std::uint64_t pieces, int slice) {
        constexpr int kPerPiece = kGroupStepK / 16;
        const int in_piece = slice % kPerPiece * 16 * (kRowMajorB ? 128 : 2);
        return pieces + ((slice / kPerPiece * kPieceBytes + in_piece) >> 4);
    }

    /// Adds up the stages [begin, end) of a group; nothing is in flight or held at the end.
    template <class SharedStorage>
    __device__ static void accumulate(Accumulators& acc, Fragments& fragments, SharedStorage& shared,
                                      const SpmmSm90SmallParams& p, State& state, int begin, int end,
                                      int consumer) {
        const std::uint32_t offset = lane_offset();
        const std::uint32_t zeros = ptx::shared_address(shared.zeros);
        Columns columns = Columns::of(Columns::load_rows(p, begin), consumer);
        std::uint32_t next_rows = Columns::load_rows(p, min(begin + 1, end - 1));
#pragma unroll 1
        for (int stage = begin; stage < end; ++stage) {
            const auto& slot = shared.stages[state.stage];
            std::uint32_t unit = ptx::shared_address(slot.a) + offset + columns.first * kUnitBytes;
            const std::uint64_t pieces =
                kRowMajorB ? ptx::matrix_descriptor(slot.b, kPieceBytes / 2)
                           : ptx::kNarrowMatrixDescriptorBase | ptx::descriptor_address(slot.b);
            ptx::mbarrier_wait(&shared.full[state.stage], state.phase);
#pragma unroll
            for (int column = 0; column < Columns::kCount; ++column) {
                if ((columns.active >> column & 1) != 0) {
                    const bool stored = (columns.stored >> column & 1) != 0;
                    const std::uint32_t source = stored ? unit : zeros;
                    unit += stored ? kUnitBytes : 0;
                    ptx::wgmma_wait<0>();
#pragma unroll
                    for (int slice = 0; slice < kSlices; ++slice) {
                        ptx::reload_matrix_x4(fragments[slice], source ^ slice * 32);
                    }
                    ptx::wgmma_fence();
#pragma unroll
                    for (int slice = 0; slice < kSlices; ++slice) {
                        ptx::wgmma_m64n128k16<kConfig.dtype, kRowMajorB ? 1 : 0>(
                            acc, fragments[slice], descriptor_of_b(pieces, column * kSlices + slice));
                    }
                    ptx::wgmma_commit();
                }
            }
            columns = Columns::of(next_rows, consumer);  // under the last product
            next_rows = Columns::load_rows(p, min(stage + 2, end - 1));
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
        const int row = threadIdx.x % kWarpgroupThreads / 32 * 16 % kUnit + lane / 4;  // of a unit
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
        for (int slice = begin * (kGroupStageK / 16); slice < end * (kGroupStageK / 16); ++slice) {
            const int stage = slice / (kGroupStageK / 16);
            const int in_stage = slice % (kGroupStageK / 16);
            const Columns columns = Columns::of(Columns::load_rows(p, stage), consumer);
            if ((columns.stored >> in_stage / kSlices & 1) == 0) {
                continue;
            }
            const int unit =
                __ldg(p.units + __ldg(p.stage_units + stage) + columns.source(in_stage / kSlices));
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
        Fragments fragments = {};
        State state;
        for (int item = begin; item < end; ++item) {
            const SmallPlace at = place_of(p, p.work[item], rank);
            const int stage_begin = __ldg(p.group_stages + at.group);
            const int stage_end = __ldg(p.group_stages + at.group + 1);
            Accumulators acc = {};
            if (stage_begin < stage_end) {
                accumulate(acc, fragments, shared, p, state, stage_begin, stage_end, consumer);
            }
            ptx::settle(acc);
            if (__any_sync(0xFFFFFFFF, !is_finite(acc))) {
                take_again(acc, p, at, stage_begin, stage_end, consumer);
            }
            const int row = __ldg(p.group_chunks + at.group * kGroupChunks + consumer) * kGroupChunkRows;
            epilogue.store(acc, make_int2(row, at.col), at.batch);
        }
        epilogue.finish_stores();
    }
};

}  // namespace bsk
