// spmm_sm90_small: C = activation(alpha*A*B + beta*R + bias) for Hopper, A in BSR with blocks whose sides are multiples of 16.
//
// Operands swapped: C^T = B^T * A^T. A unit (32 x 32 or 16 x 16 values of a stored block) sits on wgmma's n
// side, m64n32k16 or m64n16k16, so that no row of a tensor-core tile is padding. A tile is 256 rows x 128
// columns of C: a group of 8 or 16 unit rows with similar columns (plan/row_groups.h), which walks the union
// of their unit columns (plan/union_lists.h) so that a piece of B is loaded once for all of them.
//
// Persistent and warp-specialised. A cluster of 1 or 2 CTAs takes the tiles that the plan gives its stream,
// in order; its CTAs take neighbouring column tiles of the same group, so they need the same units: each
// loads every other unit and multicasts it to both. Warpgroup 0 produces: warp 1 loads the pieces of B, the
// other three gather units by TMA straight from the BSR values (no packing, no workspace). Warpgroups 1 and 2
// consume; each holds 128 accumulators a thread. Units of 32: all rows x 64 columns each. Units of 16: half
// of the rows x 128 columns each, because looking for the rows that store a unit costs more than loading all
// fragments twice. B^T lies in registers as wgmma's A operand, loaded once by ldmatrix and reused over the
// units of its unit column.
//
//   for each unit column:  for each unit row that stores a unit there: wgmma into the row's accumulators, commit
//                          wait until the unit column before is done; load the next unit column's fragments
//
// Fragments. wgmma reads them from registers while it is in flight, so they must not change until a wait
// covers it. There are two sets: while one is read, the other is loaded, after the wait that covers its last
// readers. The load is predicated and keeps the old value where it is not wanted, so each set is live through
// the whole loop and the compiler cannot lend its registers to anything else in between.
//
// Shared memory, 16-bit elements:
//
//   a[stages]   up to 32 KiB of units, K-major rows of 64 or 32 bytes, swizzled by as many
//   b[stages]   128 of k x 128 columns, a piece for each unit column:
//               B row major: 2 x (unit rows of k x 64 columns of n), 128-byte swizzle
//               B col major: 128 rows of n x unit columns of k, swizzled by the row's 64 or 32 bytes
//   c[2]        staging of each consumer's epilogue (epilogue.cuh)   16 KiB each
//   barriers    full[stages]: 4 arrivals (own producer warps) + the bytes of the stage; consumers wait
//               empty[stages]: 1 arrival of each consumer warpgroup of each CTA of the cluster; producer warps wait
//               c_full[2][2]: 1 arrival + the bytes of a chunk of R; its consumer warpgroup waits
#pragma once

#include <bit>

#include "base/math.h"
#include "kernels/sm90/cluster_launch.cuh"
#include "kernels/sm90/epilogue.cuh"
#include "kernels/sm90/ptx.cuh"
#include "kernels/sm90/small_config.h"
#include "kernels/sm90/small_fragments.cuh"
#include "kernels/sm90/small_producer.cuh"
#include "kernels/sm90/tensor_map.h"
#include "kernels/sm90/tile_walk.cuh"
#include "kernels/sm90/wgmma.cuh"

namespace bsk {

template <SpmmSm90SmallConfig kConfig>
struct SpmmSm90Small {
    static constexpr int kTileN = kSm90SmallTileN;
    static constexpr int kConsumers = 2;
    static constexpr int kThreads = (1 + kConsumers) * kWarpgroupThreads;
    static constexpr int kStages = 3;  // what fits in 227 KiB

    // Registers of a thread after the roles part: 128*40 + 256*232 = 64512 of the SM's 65536.
    static constexpr int kProducerRegisters = 40;
    static constexpr int kConsumerRegisters = 232;
    // The second consumer starts a few stages late, so that one's epilogue runs under the other's wgmma
    // (docs/worklog/hopper-kernel.md).
    static constexpr unsigned kStaggerNanoseconds = 1000;
    static constexpr int kConsumerBarrier = 1;  // named barrier, + consumer: its own 128 threads

    static constexpr int kUnit = kConfig.unit;
    static constexpr int kRows = kGroupRows / kUnit;     ///< unit rows of a tile
    static constexpr int kSteps = kGroupStageK / kUnit;  ///< unit columns of a stage at most
    static constexpr int kSlices = SmallUnit<kUnit>::kSlices;
    static constexpr int kHalves = SmallUnit<kUnit>::kHalves;
    static constexpr int kOwnRows = kRows / kHalves;  ///< unit rows a consumer computes
    static constexpr int kUnitBytes = kUnit * kUnit * 2;
    static constexpr int kPieceBytes = SmallUnit<kUnit>::kPieceBytes;
    static constexpr bool kRowMajorB = kConfig.b_layout == Layout::row_major;
    static_assert(kSteps % 2 == 0, "the fragment sets alternate from step to step, also across stages");

    using State = PipelineState<kStages>;
    // Accumulators hold C^T: n x m, in the other layout.
    static constexpr Layout kTransposedLayoutC =
        kConfig.c_layout == Layout::row_major ? Layout::col_major : Layout::row_major;
    using TileEpilogue = WarpgroupEpilogue<kConfig.c_dtype, kTransposedLayoutC, 2>;

    struct alignas(1024) SharedStorage {
        std::uint8_t a[kStages][kGroupStageBytes];
        std::uint8_t b[kStages][kGroupStageK * kTileN * 2];
        std::uint8_t c[kConsumers][TileEpilogue::kBuffers * kChunkBytes];
        std::uint64_t full[kStages];
        std::uint64_t empty[kStages];
        std::uint64_t c_full[kConsumers * TileEpilogue::kBuffers];
    };
    static_assert(sizeof(SharedStorage) <= 232448, "a CTA of sm_90 has 227 KiB of shared memory");

    // ---- Consumers: 128 threads each -----------------------------------------------------------------------

    using UnitColumnOfB = SmallFragments<kUnit, kConfig.b_layout>;
    using Fragments = typename UnitColumnOfB::Fragments;
    /// C^T of the warpgroup: for each half and unit row, 64 columns of n x unit.
    using Accumulators = float[kHalves][kOwnRows][kUnit / 2];
    static_assert(sizeof(Accumulators) == sizeof(float[128]));
    /// Bit r of mask i: unit row r stores a unit in unit column i of a stage.
    using Masks = std::uint32_t[kSteps];

    /// The part of a mask that is about this consumer's rows.
    __device__ static std::uint32_t own_rows(std::uint32_t rows, int consumer) {
        return kHalves == 1 ? rows : rows >> consumer * kOwnRows & ((1U << kOwnRows) - 1);
    }

    __device__ static void load_masks(Masks& masks, const SpmmSm90SmallParams& p, int stage) {
#pragma unroll
        for (int i = 0; i < kSteps; ++i) {
            masks[i] = __ldg(&p.steps[stage * kSteps + i].rows);
        }
    }

    /// Starts the products of one unit column with the units from `unit` (low word of the descriptor) on, one
    /// a set bit of `rows`; each is a group of its own.
    __device__ static void multiply(Accumulators& acc, const Fragments& fragments, std::uint32_t rows,
                                    std::uint32_t unit) {
        constexpr std::uint64_t kHighWord = ptx::narrow_matrix_descriptor_base<kUnit * 2>();
#pragma unroll
        for (int row = 0; row < kOwnRows; ++row) {
            if ((rows >> row & 1) != 0) {
                ptx::wgmma_fence();  // inside the branch: ptxas serialises wgmma otherwise
#pragma unroll
                for (int half = 0; half < kHalves; ++half) {
#pragma unroll
                    for (int slice = 0; slice < kSlices; ++slice) {
                        ptx::wgmma_m64k16<kConfig.dtype, kUnit>(acc[half][row], fragments[half][slice],
                                                                kHighWord | (unit + 2 * slice));
                    }
                }
                ptx::wgmma_commit();
                unit += kUnitBytes / 16;
            }
        }
    }

    /// Waits until the groups before those of a unit column with these `rows` are done.
    __device__ static void wait_before(std::uint32_t rows) {
        if ((rows & (rows - 1)) != 0) {
            ptx::wgmma_wait<2>();  // two or more groups
        } else if (rows != 0) {
            ptx::wgmma_wait<1>();
        } else {
            ptx::wgmma_wait<0>();
        }
    }

    /// Tells the producers of all CTAs of the cluster that this warpgroup has read `stage`. wgmma keeps its
    /// four warps together; where it `skipped` the whole stage, a barrier must.
    __device__ static void release(SharedStorage& shared, int stage, bool skipped, int cluster,
                                   int consumer) {
        const int thread = threadIdx.x % kWarpgroupThreads;
        if (skipped) {
            ptx::named_barrier_sync(kConsumerBarrier + consumer, kWarpgroupThreads);
        }
        if (thread < cluster) {
            ptx::mbarrier_arrive_cluster(&shared.empty[stage], thread);
        }
    }

    /// Adds up the stages [begin, end) of a group; nothing is in flight or held at the end.
    __device__ static void accumulate(Accumulators& acc, Fragments (&fragments)[2], SharedStorage& shared,
                                      const SpmmSm90SmallParams& p, State& state, int begin, int end,
                                      int consumer, std::uint32_t lane_offset) {
        Masks next_masks;
        load_masks(next_masks, p, begin);
        ptx::mbarrier_wait(&shared.full[state.stage], state.phase);
        UnitColumnOfB::load(fragments[0], own_rows(next_masks[0], consumer),
                            ptx::shared_address(shared.b[state.stage]), lane_offset);
        int previous = -1;     // the stage that the products in flight may still read
        bool skipped = false;  // no row of this consumer stores a unit there
#pragma unroll 1
        for (int stage = begin; stage < end; ++stage) {
            Masks masks;
#pragma unroll
            for (int i = 0; i < kSteps; ++i) {
                // Through a shuffle, so that the compiler knows it is the same in the whole warp.
                masks[i] = __shfl_sync(0xFFFFFFFF, next_masks[i], 0);
            }
            load_masks(next_masks, p, min(stage + 1, end - 1));
            const std::uint32_t pieces = ptx::shared_address(shared.b[state.stage]);
            std::uint32_t unit = ptx::descriptor_address(shared.a[state.stage]);
            const int current = state.stage;
            state.advance();
#pragma unroll
            for (int i = 0; i < kSteps; ++i) {
                const std::uint32_t rows = own_rows(masks[i], consumer);
                const std::uint32_t others =  // rows of the other consumer, whose units come first
                    kHalves == 1 || consumer == 0 ? 0 : masks[i] & ((1U << kOwnRows) - 1);
                multiply(acc, fragments[i % 2], rows, unit + __popc(others) * (kUnitBytes / 16));
                unit += __popc(masks[i]) * (kUnitBytes / 16);
                wait_before(rows);
                if (i == 0 && previous >= 0) {
                    release(shared, previous, skipped, p.cluster, consumer);
                }
                if (i + 1 < kSteps) {
                    UnitColumnOfB::load(fragments[(i + 1) % 2], own_rows(masks[i + 1], consumer),
                                        pieces + (i + 1) * kPieceBytes, lane_offset);
                } else {
                    const bool more = stage + 1 < end;
                    if (more) {
                        ptx::mbarrier_wait(&shared.full[state.stage], state.phase);
                    }
                    UnitColumnOfB::load(fragments[0], more ? 1 : 0,
                                        ptx::shared_address(shared.b[state.stage]), lane_offset);
                }
            }
            previous = current;
            if constexpr (kHalves == 2) {
                std::uint32_t all = 0;
#pragma unroll
                for (const std::uint32_t rows : masks) {
                    all |= own_rows(rows, consumer);
                }
                skipped = all == 0;
            }
        }
        ptx::wgmma_wait<0>();
        release(shared, previous, skipped, p.cluster, consumer);
    }

    __device__ static void consume(SharedStorage& shared, const EpilogueParams& epilogue_params,
                                   const SpmmSm90SmallParams& p, int begin, int end, int rank, int consumer) {
        if (consumer == 1) {
            __nanosleep(kStaggerNanoseconds);
        }
        TileEpilogue epilogue(epilogue_params, shared.c[consumer],
                              &shared.c_full[consumer * TileEpilogue::kBuffers], kConsumerBarrier + consumer);
        const std::uint32_t offset = UnitColumnOfB::lane_offset(consumer);
        Fragments fragments[2] = {};
        State state;
        for (int item = begin; item < end; ++item) {
            const WorkItem work = p.work[item];
            const int stage_begin = __ldg(p.group_stages + work.tile_row);
            const int stage_end = __ldg(p.group_stages + work.tile_row + 1);
            Accumulators acc = {};
            if (stage_begin < stage_end) {
                accumulate(acc, fragments, shared, p, state, stage_begin, stage_end, consumer, offset);
            }
            float(&flat)[128] = reinterpret_cast<float(&)[128]>(acc);
#pragma unroll
            for (float& x : flat) {
                asm volatile("" : "+f"(x)::"memory");  // no read of the accumulators moves above the wait
            }
            static_assert(kGroupChunks == 4);
            const int4 chunks = __ldg(reinterpret_cast<const int4*>(p.group_chunks) + work.tile_row);
            const int batch = work.strip / p.strips;
            const int first_col = ((work.strip - batch * p.strips) * p.cluster + rank) * kTileN;
            const auto place_of = [&](int offset) {  // in C^T: column of C, then row
                const int half = kHalves == 1 ? consumer : offset / 128;
                const int row = kHalves == 1 ? offset : consumer * 128 + offset % 128;
                const int i = row / kGroupChunkRows;
                const int chunk = i == 0 ? chunks.x : i == 1 ? chunks.y : i == 2 ? chunks.z : chunks.w;
                return int2{first_col + half * 64, chunk * kGroupChunkRows + row % kGroupChunkRows};
            };
            epilogue.store(flat, place_of, batch);
        }
        epilogue.finish_stores();
    }
};

// Scalar template parameters: nvcc 13.0 writes host stubs that do not compile for a struct's.
template <DType kType, DType kTypeC, int kUnit, Layout kLayoutB, Layout kLayoutC>
__global__ void __launch_bounds__(384, 1)
    spmm_sm90_small(const __grid_constant__ CUtensorMap a_map, const __grid_constant__ CUtensorMap b_map,
                    const __grid_constant__ EpilogueParams epilogue, const SpmmSm90SmallParams p) {
    using Kernel = SpmmSm90Small<SpmmSm90SmallConfig{kType, kTypeC, kUnit, kLayoutB, kLayoutC}>;
    static_assert(Kernel::kThreads == 384);
    extern __shared__ __align__(1024) std::uint8_t dynamic_shared[];
    auto& shared = *reinterpret_cast<typename Kernel::SharedStorage*>(dynamic_shared);

    const int rank = p.cluster == 1 ? 0 : static_cast<int>(ptx::cluster_rank());
    const int stream = static_cast<int>(blockIdx.x) / p.cluster;
    const int begin = p.work_offsets[stream];
    const int end = p.work_offsets[stream + 1];

    start_cluster<Kernel::kStages>(shared, a_map, b_map, epilogue.c_map, 4, Kernel::kConsumers * p.cluster);

    // Through a shuffle, so that the compiler knows it is the same in the whole warp.
    const int warp = __shfl_sync(0xFFFFFFFF, static_cast<int>(threadIdx.x) / 32, 0);
    const int warpgroup = warp / 4;
    if (warpgroup == 0) {
        ptx::give_registers<Kernel::kProducerRegisters>();
        if (warp == 1) {
            SmallProducer<Kernel>::pieces(shared, b_map, p, begin, end, rank);
        } else {
            SmallProducer<Kernel>::units(shared, a_map, p, begin, end, rank, warp == 0 ? 0 : warp - 1);
        }
    } else {
        ptx::take_registers<Kernel::kConsumerRegisters>();
        Kernel::consume(shared, epilogue, p, begin, end, rank, warpgroup - 1);
    }
    __syncwarp();
    ptx::cluster_sync();  // no CTA ends while another may still multicast to it or arrive at its barriers
}

template <SpmmSm90SmallConfig kConfig>
constexpr auto kSpmmSm90Small =
    &spmm_sm90_small<kConfig.dtype, kConfig.c_dtype, kConfig.unit, kConfig.b_layout, kConfig.c_layout>;

template <SpmmSm90SmallConfig kConfig>
void prepare_spmm_sm90_small_instance() {
    prepare_clusters(kSpmmSm90Small<kConfig>, sizeof(typename SpmmSm90Small<kConfig>::SharedStorage));
}

template <SpmmSm90SmallConfig kConfig>
void launch_spmm_sm90_small_instance(const SpmmLaunch& launch, Stream stream) {
    using Kernel = SpmmSm90Small<kConfig>;
    using TileEpilogue = typename Kernel::TileEpilogue;
    const int cluster = launch.choice.cluster;
    // Where nothing is stored, values may be null: any address makes a valid map.
    const void* values = launch.nnzb > 0 ? launch.values : launch.c;
    const void* b = launch.k > 0 ? launch.b : launch.c;
    const CUtensorMap a_map = make_tensor_map(values, kConfig.dtype, launch.nnzb * launch.block_m,
                                              launch.block_k, launch.block_k, Kernel::kUnit, Kernel::kUnit);
    const CUtensorMap b_map =
        make_tensor_map(b, kConfig.dtype, kConfig.b_layout, launch.k, launch.n, launch.ldb,
                        Kernel::kRowMajorB ? Kernel::kUnit : Kernel::kTileN,
                        Kernel::kRowMajorB ? 64 : Kernel::kUnit, launch.batch, launch.stride_b);
    const EpilogueParams epilogue = TileEpilogue::make_params(launch, true);
    const SpmmSm90SmallParams params{launch.group_chunks,
                                     launch.group_stages,
                                     launch.steps,
                                     launch.stage_units,
                                     launch.units,
                                     launch.work_offsets,
                                     launch.work,
                                     static_cast<int>(ceil_div(launch.n, Kernel::kTileN * cluster)),
                                     std::countr_zero(static_cast<unsigned>(launch.block_k / Kernel::kUnit)),
                                     cluster};

    launch_clusters(kSpmmSm90Small<kConfig>, launch.streams, cluster, Kernel::kThreads,
                    sizeof(typename SpmmSm90Small<kConfig>::SharedStorage), stream, a_map, b_map, epilogue,
                    params);
}

}  // namespace bsk
