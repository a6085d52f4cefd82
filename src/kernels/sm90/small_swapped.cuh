// Consumers of spmm_sm90_small for units of 32: operands swapped, C^T = B^T * A^T.
//
// A unit sits on wgmma's n side, m64n32k16, so that no row of a tensor-core tile is padding. Two warpgroups, each 64 of the
// tile's columns and all of its rows, 128 accumulators a thread. B^T lies in registers as wgmma's A operand, loaded once by
// ldmatrix and reused over the units of its step.
//
//   for each step:  for each unit row that stores a unit there: wgmma into the row's accumulators, commit
//                   wait until the step before is done; load the next step's fragments
//
// Fragments. wgmma reads them from registers while it is in flight, so they must not change until a wait
// covers it. There are two sets: while one is read, the other is loaded, after the wait that covers its last
// readers. The load is predicated and keeps the old value where it is not wanted, so each set is live through
// the whole loop and the compiler cannot lend its registers to anything else in between.
#pragma once

#include <cstdint>

#include <bsk/types.h>

#include "kernels/sm90/epilogue.cuh"
#include "kernels/sm90/ptx.cuh"
#include "kernels/sm90/ring.cuh"
#include "kernels/sm90/small_config.h"
#include "kernels/sm90/small_stage.cuh"
#include "kernels/sm90/wgmma.cuh"

namespace bsk {

/// Fragments of B^T: 64 columns of n x 32 of k.
template <Layout kLayoutB>
struct SwappedFragments {
    static constexpr bool kRowMajorB = kLayoutB == Layout::row_major;
    static constexpr int kSlices = kGroupStepK / 16;
    using Fragments = std::uint32_t[kSlices][4];

    /// Byte offset in a piece of B of the 16 bytes that this lane addresses for ldmatrix; first slice.
    __device__ static std::uint32_t lane_offset(int consumer) {
        const int warp = threadIdx.x % kWarpgroupThreads / 32;
        const int lane = threadIdx.x % 32;
        if constexpr (kRowMajorB) {
            // Matrices of 8 rows of k x 8 columns of n, transposed by ldmatrix: lanes 8q .. 8q+7 address
            // columns +8 where q is odd, rows of k +8 where q >= 2.
            const int k = lane / 16 * 8 + lane % 8;
            return consumer * (kPieceBytes / 2) + swizzled(k, 2 * warp + lane / 8 % 2);
        } else {
            // Matrices of 8 rows of n x 8 columns of k: rows +8 where q is odd, columns +8 where q >= 2.
            const int row = consumer * 64 + warp * 16 + lane % 16;
            return row * (kGroupStepK * 2) + ((lane / 16 ^ row / 2 % 4) << 4);
        }
    }

    /// Loads the fragments of the step at `piece` where `rows` is not 0.
    __device__ static void load(Fragments& fragments, std::uint32_t rows, std::uint32_t piece,
                                std::uint32_t lane_offset) {
#pragma unroll
        for (int slice = 0; slice < kSlices; ++slice) {
            const std::uint32_t at = kRowMajorB ? lane_offset + slice * 2048 : lane_offset ^ (slice * 32);
            ptx::load_matrix_x4_if<kRowMajorB>(rows, fragments[slice], piece + at);
        }
    }
};

template <SpmmSm90SmallConfig kConfig>
struct SwappedConsumers {
    static_assert(kConfig.unit == 32);
    static constexpr int kWarpgroups = 2;
    static constexpr int kReleaseArrivals = 1;  ///< of a warpgroup at `empty` of each CTA

    // Registers of a thread after the roles part: 128*40 + 256*232 = 64512 of the SM's 65536.
    static constexpr int kProducerRegisters = 40;
    static constexpr int kRegisters = 232;
    // The second consumer starts a few stages late, so that one's epilogue runs under the other's wgmma
    // (docs/worklog/hopper-kernel.md).
    static constexpr unsigned kStaggerNanoseconds = 1000;
    static constexpr int kBarrier = 1;  // named barrier, + consumer: its own 128 threads

    static constexpr int kRows = kGroupRows / 32;  ///< unit rows of a tile
    static constexpr int kUnitBytes = SmallStage<32>::kUnitBytes;
    static_assert(kGroupStageSteps % 2 == 0,
                  "the fragment sets alternate from step to step, also across stages");

    using State = PipelineState<kSmallStages>;
    /// Accumulators hold C^T: n x m, in the other layout.
    static constexpr bool kTransposesC = true;
    using TileEpilogue =
        WarpgroupEpilogue<kConfig.c_dtype,
                          kConfig.c_layout == Layout::row_major ? Layout::col_major : Layout::row_major, 2>;
    using Step = SwappedFragments<kConfig.b_layout>;
    using Fragments = typename Step::Fragments;
    /// C^T of the warpgroup: for each unit row, 64 columns of n x 32.
    using Accumulators = float[kRows][16];
    static_assert(sizeof(Accumulators) == sizeof(float[128]));
    /// Bit r of mask i: unit row r stores a unit in step i of a stage.
    using Masks = std::uint32_t[kGroupStageSteps];

    __device__ static void load_masks(Masks& masks, const SpmmSm90SmallParams& p, int stage) {
#pragma unroll
        for (int i = 0; i < kGroupStageSteps; ++i) {
            masks[i] = __ldg(&p.steps[stage * kGroupStageSteps + i].rows);
        }
    }

    /// Starts the products of one step with the units from `unit` (low word of the descriptor) on, one a set
    /// bit of `rows`; each is a group of its own.
    __device__ static void multiply(Accumulators& acc, const Fragments& fragments, std::uint32_t rows,
                                    std::uint32_t unit) {
#pragma unroll
        for (int row = 0; row < kRows; ++row) {
            if ((rows >> row & 1) != 0) {
                ptx::wgmma_fence();  // inside the branch: ptxas serialises wgmma otherwise
#pragma unroll
                for (int slice = 0; slice < Step::kSlices; ++slice) {
                    ptx::wgmma_m64n32k16<kConfig.dtype>(
                        acc[row], fragments[slice], ptx::kNarrowMatrixDescriptorBase | (unit + 2 * slice));
                }
                ptx::wgmma_commit();
                unit += kUnitBytes / 16;
            }
        }
    }

    /// Waits until the groups before those of a step with these `rows` are done.
    __device__ static void wait_before(std::uint32_t rows) {
        if ((rows & (rows - 1)) != 0) {
            ptx::wgmma_wait<2>();  // two or more groups
        } else if (rows != 0) {
            ptx::wgmma_wait<1>();
        } else {
            ptx::wgmma_wait<0>();
        }
    }

    /// Adds up the stages [begin, end) of a group; nothing is in flight or held at the end.
    template <class SharedStorage>
    __device__ static void accumulate(Accumulators& acc, Fragments (&fragments)[2], SharedStorage& shared,
                                      const SpmmSm90SmallParams& p, State& state, int begin, int end,
                                      std::uint32_t lane_offset) {
        Masks next_masks;
        load_masks(next_masks, p, begin);
        ptx::mbarrier_wait(&shared.full[state.stage], state.phase);
        Step::load(fragments[0], next_masks[0], ptx::shared_address(shared.stages[state.stage].b),
                   lane_offset);
        int previous = -1;  // the stage that the products in flight may still read
#pragma unroll 1
        for (int stage = begin; stage < end; ++stage) {
            Masks masks;
#pragma unroll
            for (int i = 0; i < kGroupStageSteps; ++i) {
                masks[i] = same_in_warp(next_masks[i]);
            }
            load_masks(next_masks, p, min(stage + 1, end - 1));
            const std::uint32_t pieces = ptx::shared_address(shared.stages[state.stage].b);
            std::uint32_t unit = ptx::descriptor_address(shared.stages[state.stage].a);
            const int current = state.stage;
            state.advance();
#pragma unroll
            for (int i = 0; i < kGroupStageSteps; ++i) {
                multiply(acc, fragments[i % 2], masks[i], unit);
                unit += __popc(masks[i]) * (kUnitBytes / 16);
                wait_before(masks[i]);
                if (i == 0 && previous >= 0) {
                    release_stage(&shared.empty[previous], p.cluster);
                }
                if (i + 1 < kGroupStageSteps) {
                    Step::load(fragments[(i + 1) % 2], masks[i + 1], pieces + (i + 1) * kPieceBytes,
                               lane_offset);
                } else {
                    const bool more = stage + 1 < end;
                    if (more) {
                        ptx::mbarrier_wait(&shared.full[state.stage], state.phase);
                    }
                    Step::load(fragments[0], more ? 1 : 0, ptx::shared_address(shared.stages[state.stage].b),
                               lane_offset);
                }
            }
            previous = current;
        }
        ptx::wgmma_wait<0>();
        release_stage(&shared.empty[previous], p.cluster);
    }

    template <class SharedStorage>
    __device__ static void consume(SharedStorage& shared, const EpilogueParams& epilogue_params,
                                   const SpmmSm90SmallParams& p, int begin, int end, int rank, int consumer) {
        if (consumer == 1) {
            __nanosleep(kStaggerNanoseconds);
        }
        TileEpilogue epilogue(epilogue_params, shared.c[consumer],
                              &shared.c_full[consumer * TileEpilogue::kBuffers], kBarrier + consumer);
        const std::uint32_t offset = Step::lane_offset(consumer);
        Fragments fragments[2] = {};
        State state;
        for (int item = begin; item < end; ++item) {
            const SmallPlace at = place_of(p, p.work[item], rank);
            const int stage_begin = __ldg(p.group_stages + at.group);
            const int stage_end = __ldg(p.group_stages + at.group + 1);
            Accumulators acc = {};
            if (stage_begin < stage_end) {
                accumulate(acc, fragments, shared, p, state, stage_begin, stage_end, offset);
            }
            float(&flat)[128] = reinterpret_cast<float(&)[128]>(acc);
            ptx::settle(flat);
            static_assert(kGroupChunks == 4);
            const int4 chunks = __ldg(reinterpret_cast<const int4*>(p.group_chunks) + at.group);
            const auto place = [&](int row) {  // in C^T: column of C, then row
                const int i = row / kGroupChunkRows;
                const int chunk = i == 0 ? chunks.x : i == 1 ? chunks.y : i == 2 ? chunks.z : chunks.w;
                return int2{at.col + consumer * 64, chunk * kGroupChunkRows + row % kGroupChunkRows};
            };
            epilogue.store(flat, place, at.batch);
        }
        epilogue.finish_stores();
    }
};

}  // namespace bsk
