// spmm_sm90_small: C = activation(alpha*A*B + beta*R + bias) for Hopper, A in BSR with blocks whose sides are multiples
// of 16.
//
// A tile is 256 rows x 128 columns of C: a group of 8 or 16 unit rows with similar columns (plan/row_groups.h), which
// walks the union of their unit columns (plan/union_lists.h) so that a piece of B is loaded once for all of them. A unit
// is a square of 32 or 16 of a stored block. Each of two consumer warpgroups computes two bands of 64 rows, 64 x 128
// accumulators each, by m64n128k16 with A in registers. A band is 2 or 4 unit rows and a warp holds 16 of its rows:
// those of a stored unit, or zeros where its unit row stores none while another of the band does. Where none does,
// the band skips the unit column.
//
// Persistent and warp-specialised. A cluster of 1 or 2 CTAs takes the tiles that the plan gives its stream, in order;
// its CTAs take neighbouring column tiles of the same group, so they need the same units. The values lie packed in the
// order of the lists (packed_units.h): the units of a stage are one copy, of which each CTA loads half and multicasts it
// to both. Warp 0 loads units, warp 1 pieces of B; warpgroups 1 and 2 consume:
//
//   for every 32 columns of A:  wgmma for the bands that store units there, commit
//                               wait until the 32 columns before are done; load the fragments of the next 32
//
// Fragments. wgmma reads them from registers while it is in flight, so they must not change until a wait covers it.
// There are two sets: while one is read, the other is loaded, after the wait that covers its last readers. The load is
// predicated and keeps the old value where it is not wanted, so each set is live through the whole loop and the compiler
// cannot lend its registers to anything else in between.
//
// Shared memory, 16-bit elements:
//
//   a[stages]   up to 16 KiB of units as they are packed
//   b[stages]   64 of k x 128 columns, a piece for each unit column:
//               B row major: 2 x (unit rows of k x 64 columns of n), 128-byte swizzle
//               B col major: 128 rows of n x unit columns of k, swizzled by the row's 64 or 32 bytes
//   c[2]        staging of each consumer's epilogue (epilogue.cuh)   16 KiB each
//   zeros       what a warp loads where its unit row stores nothing
//   barriers    full[stages]: 2 arrivals (own producer warps) + the bytes of the stage; consumers wait
//               empty[stages]: 1 arrival of each consumer warpgroup of each CTA of the cluster; producer warps wait
//               c_full[2][2]: 1 arrival + the bytes of a chunk of R; its consumer warpgroup waits
#pragma once

#include "base/math.h"
#include "kernels/sm90/cluster_launch.cuh"
#include "kernels/sm90/epilogue.cuh"
#include "kernels/sm90/ptx.cuh"
#include "kernels/sm90/small_config.h"
#include "kernels/sm90/small_fragments.cuh"
#include "kernels/sm90/small_producer.cuh"
#include "kernels/sm90/small_recompute.cuh"
#include "kernels/sm90/tensor_map.h"
#include "kernels/sm90/tile_walk.cuh"
#include "kernels/sm90/wgmma.cuh"

namespace bsk {

template <SpmmSm90SmallConfig kConfig>
struct SpmmSm90Small {
    static constexpr int kTileN = kSm90SmallTileN;
    static constexpr int kConsumers = 2;
    static constexpr int kThreads = (1 + kConsumers) * kWarpgroupThreads;
    static constexpr int kStages = 6;  // what fits in 227 KiB

    // Registers of a thread after the roles part: 128*40 + 256*232 = 64512 of the SM's 65536.
    static constexpr int kProducerRegisters = 40;
    static constexpr int kConsumerRegisters = 232;
    // The second consumer starts a few stages late, so that one's epilogue runs under the other's wgmma
    // (docs/worklog/hopper-kernel.md).
    static constexpr unsigned kStaggerNanoseconds = 1000;
    static constexpr int kConsumerBarrier = 1;  // named barrier, + consumer: its own 128 threads

    static constexpr int kUnit = kConfig.unit;
    static constexpr int kSteps = kGroupStageK / kUnit;          ///< unit columns of a stage at most
    static constexpr int kPieceBytes = kUnit * kTileN * 2;       ///< of B for a unit column
    static constexpr bool kRowMajorB = kConfig.b_layout == Layout::row_major;

    using State = PipelineState<kStages>;
    using TileEpilogue = WarpgroupEpilogue<kConfig.c_dtype, kConfig.c_layout, 2>;

    struct alignas(1024) SharedStorage {
        std::uint8_t a[kStages][kGroupStageBytes];
        std::uint8_t b[kStages][kGroupStageK * kTileN * 2];
        std::uint8_t c[kConsumers][TileEpilogue::kBuffers * kChunkBytes];
        std::uint32_t zeros[4];
        std::uint64_t full[kStages];
        std::uint64_t empty[kStages];
        std::uint64_t c_full[kConsumers * TileEpilogue::kBuffers];
    };
    static_assert(sizeof(SharedStorage) <= 232448, "a CTA of sm_90 has 227 KiB of shared memory");

    // ---- Consumers: 128 threads each -----------------------------------------------------------------------

    using Fragments = SmallFragments<kUnit>;
    static constexpr int kBands = Fragments::kBands;
    static constexpr int kColumns = Fragments::kColumns;
    static_assert(kSteps == 2 * kColumns, "a stage is two sets of fragments");
    using Accumulators = float[kBands][64];
    /// The unit columns of a stage, in two halves of 32 columns of A each.
    using Masks = typename Fragments::Masks[2];

    /// A lane's unit column of a stage. Each lane reads its own: of loads from one address the compiler puts the result
    /// in a uniform register at once, and waits for it there.
    __device__ static std::uint32_t load_mask(const SpmmSm90SmallParams& p, int stage) {
        return __ldg(&p.steps[stage * kSteps + threadIdx.x % kSteps].rows);
    }

    /// The masks of a stage from load_mask().
    __device__ static void share_masks(Masks& masks, std::uint32_t mask) {
#pragma unroll
        for (int i = 0; i < kSteps; ++i) {
            masks[i / kColumns][i % kColumns] = __shfl_sync(0xFFFFFFFF, mask, i);
        }
    }

    /// Descriptor of the pieces of B of a stage.
    __device__ static std::uint64_t describe_pieces(const std::uint8_t* pieces) {
        if constexpr (kRowMajorB) {
            return ptx::matrix_descriptor(pieces, kPieceBytes / 2);
        } else {
            return ptx::narrow_matrix_descriptor_base<kUnit * 2>() | ptx::descriptor_address(pieces);
        }
    }

    /// Starts the products of half a stage; bit i*kBands + band of kStored: the band stores units in unit column i.
    template <int kHalf, int kStored>
    __device__ static void multiply(Accumulators& acc, const typename Fragments::Registers& a,
                                    std::uint64_t pieces) {
        constexpr int kSlicesPerColumn = Fragments::kSlices / kColumns;
        constexpr int kSliceBytes = kRowMajorB ? 2048 : 32;
        ptx::wgmma_fence();
#pragma unroll
        for (int slice = 0; slice < Fragments::kSlices; ++slice) {
            const int column = slice / kSlicesPerColumn;
            const int offset =
                (kHalf * kColumns + column) * kPieceBytes + slice % kSlicesPerColumn * kSliceBytes;
#pragma unroll
            for (int band = 0; band < kBands; ++band) {
                if ((kStored >> (column * kBands + band) & 1) != 0) {
                    ptx::wgmma_m64n128k16<kConfig.dtype, kRowMajorB>(acc[band], a[band][slice],
                                                                     pieces + (offset >> 4));
                }
            }
        }
        ptx::wgmma_commit();
    }

    /// multiply() for `stored`, which is known at run time only. One jump and no branch between wgmmas: a branch
    /// takes a warp about 25 cycles, taken or not.
    template <int kHalf>
    __device__ static void multiply_stored(Accumulators& acc, const typename Fragments::Registers& a,
                                           std::uint64_t pieces, std::uint32_t stored) {
#define BSK_CASE(bits)                                    \
    case bits:                                            \
        if constexpr (bits < 1 << kColumns * kBands) {    \
            multiply<kHalf, bits>(acc, a, pieces);        \
        }                                                 \
        break
        switch (stored) {
            BSK_CASE(1);
            BSK_CASE(2);
            BSK_CASE(3);
            BSK_CASE(4);
            BSK_CASE(5);
            BSK_CASE(6);
            BSK_CASE(7);
            BSK_CASE(8);
            BSK_CASE(9);
            BSK_CASE(10);
            BSK_CASE(11);
            BSK_CASE(12);
            BSK_CASE(13);
            BSK_CASE(14);
            BSK_CASE(15);
            default: break;
        }
#undef BSK_CASE
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
    __device__ static void accumulate(Accumulators& acc, typename Fragments::Registers (&a)[2],
                                      const Fragments& fragments, SharedStorage& shared,
                                      const SpmmSm90SmallParams& p, State& state, int begin, int end,
                                      int consumer) {
        Masks masks;
        Masks next;
        share_masks(next, load_mask(p, begin));
        std::uint32_t next_mask = load_mask(p, min(begin + 1, end - 1));
        ptx::mbarrier_wait(&shared.full[state.stage], state.phase);
        fragments.load(a[0], next[0], ptx::shared_address(shared.a[state.stage]));
        int previous = -1;     // the stage that the products in flight may still read
        bool skipped = false;  // no row of this consumer stores a unit there
#pragma unroll 1
        for (int stage = begin; stage < end; ++stage) {
#pragma unroll
            for (int i = 0; i < kSteps; ++i) {
                masks[i / kColumns][i % kColumns] = next[i / kColumns][i % kColumns];
            }
            const bool more = stage + 1 < end;
            share_masks(next, next_mask);
            next_mask = load_mask(p, min(stage + 2, end - 1));
            const int current = state.stage;
            const std::uint64_t pieces = describe_pieces(shared.b[current]);
            std::uint32_t units = ptx::shared_address(shared.a[current]);
            state.advance();

            const std::uint32_t first_half = fragments.stored(masks[0]);
            multiply_stored<0>(acc, a[0], pieces, first_half);
            if (first_half != 0) {
                ptx::wgmma_wait<1>();
            } else {
                ptx::wgmma_wait<0>();
            }
            if (previous >= 0) {
                release(shared, previous, skipped, p.cluster, consumer);
            }
#pragma unroll
            for (const std::uint32_t rows : masks[0]) {
                units += __popc(rows) * unit_bytes(kUnit);
            }
            fragments.load(a[1], masks[1], units);

            const std::uint32_t second_half = fragments.stored(masks[1]);
            multiply_stored<1>(acc, a[1], pieces, second_half);
            if (second_half != 0) {
                ptx::wgmma_wait<1>();
            } else {
                ptx::wgmma_wait<0>();
            }
            if (more) {
                ptx::mbarrier_wait(&shared.full[state.stage], state.phase);
                fragments.load(a[0], next[0], ptx::shared_address(shared.a[state.stage]));
            }
            previous = current;
            skipped = (first_half | second_half) == 0;
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
        const Fragments fragments(consumer, ptx::shared_address(shared.zeros));
        typename Fragments::Registers a[2] = {};
        State state;
        for (int item = begin; item < end; ++item) {
            const WorkItem work = p.work[item];
            const int stage_begin = __ldg(p.group_stages + work.tile_row);
            const int stage_end = __ldg(p.group_stages + work.tile_row + 1);
            Accumulators acc = {};
            if (stage_begin < stage_end) {
                accumulate(acc, a, fragments, shared, p, state, stage_begin, stage_end, consumer);
            }
            float(&flat)[128] = reinterpret_cast<float(&)[128]>(acc);
#pragma unroll
            for (float& x : flat) {
                asm volatile("" : "+f"(x)::"memory");  // no read of the accumulators moves above the wait
            }
            const int batch = work.strip / p.strips;
            const int col = ((work.strip - batch * p.strips) * p.cluster + rank) * kTileN;
            recompute_not_finite<kConfig.dtype, kUnit, kConfig.b_layout>(flat, p, stage_begin, stage_end,
                                                                         consumer * kBands * 64, col, batch);
            static_assert(kGroupChunkRows == 64 && kGroupChunks == kConsumers * kBands);
            const int2 chunks =
                __ldg(reinterpret_cast<const int2*>(p.group_chunks) + work.tile_row * kConsumers + consumer);
            const auto place_of = [&](int offset) {
                return int2{(offset < kTileN ? chunks.x : chunks.y) * kGroupChunkRows, col + offset % kTileN};
            };
            epilogue.store(flat, place_of, batch);
        }
        epilogue.finish_stores();
    }
};

// Scalar template parameters: nvcc 13.0 writes host stubs that do not compile for a struct's.
template <DType kType, DType kTypeC, int kUnit, Layout kLayoutB, Layout kLayoutC>
__global__ void __launch_bounds__(384, 1)
    spmm_sm90_small(const __grid_constant__ CUtensorMap b_map, const __grid_constant__ EpilogueParams epilogue,
                    const SpmmSm90SmallParams p) {
    using Kernel = SpmmSm90Small<SpmmSm90SmallConfig{kType, kTypeC, kUnit, kLayoutB, kLayoutC}>;
    static_assert(Kernel::kThreads == 384);
    extern __shared__ __align__(1024) std::uint8_t dynamic_shared[];
    auto& shared = *reinterpret_cast<typename Kernel::SharedStorage*>(dynamic_shared);

    const int rank = p.cluster == 1 ? 0 : static_cast<int>(ptx::cluster_rank());
    const int stream = static_cast<int>(blockIdx.x) / p.cluster;
    const int begin = p.work_offsets[stream];
    const int end = p.work_offsets[stream + 1];

    if (threadIdx.x < 4) {
        shared.zeros[threadIdx.x] = 0;
    }
    start_cluster<Kernel::kStages>(shared, 2, Kernel::kConsumers * p.cluster, b_map, epilogue.c_map);

    // Through a shuffle, so that the compiler knows it is the same in the whole warp.
    const int warp = __shfl_sync(0xFFFFFFFF, static_cast<int>(threadIdx.x) / 32, 0);
    const int warpgroup = warp / 4;
    if (warpgroup == 0) {
        ptx::give_registers<Kernel::kProducerRegisters>();
        if (threadIdx.x == 0) {
            SmallProducer<Kernel>::units(shared, p, begin, end, rank);
        } else if (warp == 1) {
            SmallProducer<Kernel>::pieces(shared, b_map, p, begin, end, rank);
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
    const void* b = launch.k > 0 ? launch.b : launch.c;  // never read, but a map needs an address
    const CUtensorMap b_map =
        make_tensor_map(b, kConfig.dtype, kConfig.b_layout, launch.k, launch.n, launch.ldb,
                        Kernel::kRowMajorB ? Kernel::kUnit : Kernel::kTileN,
                        Kernel::kRowMajorB ? 64 : Kernel::kUnit, launch.batch, launch.stride_b);
    const EpilogueParams epilogue = TileEpilogue::make_params(launch, false);
    const SpmmSm90SmallParams params{static_cast<const std::uint8_t*>(launch.packed),
                                     launch.group_chunks,
                                     launch.group_stages,
                                     launch.steps,
                                     launch.stage_units,
                                     launch.work_offsets,
                                     launch.work,
                                     static_cast<int>(ceil_div(launch.n, Kernel::kTileN * cluster)),
                                     cluster,
                                     launch.b,
                                     launch.ldb,
                                     launch.stride_b,
                                     static_cast<int>(launch.n),
                                     static_cast<int>(launch.k)};

    launch_clusters(kSpmmSm90Small<kConfig>, launch.streams, cluster, Kernel::kThreads,
                    sizeof(typename SpmmSm90Small<kConfig>::SharedStorage), stream, b_map, epilogue, params);
}

}  // namespace bsk
