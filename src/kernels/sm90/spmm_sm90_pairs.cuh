// spmm_sm90_pairs: C = activation(alpha*A*B + beta*R + bias) for Hopper, A in BSR with blocks of 64 rows and a multiple of
// 64 columns.
//
// A tile of C is two block rows x 256 columns, a consumer warpgroup each. The rows need not be neighbours: the plan pairs
// those that store many of the same block columns (plan/row_pairs.h). A tile's steps are the block columns that either row
// stores, 64 columns of A at a time; a step loads one 64 x 256 piece of B for both rows, and the stored block of each row
// that has one there. A consumer whose row has none passes the step on.
//
// Persistent and warp-specialised. A cluster of 1 or 2 CTAs takes the tiles that the plan gives its stream, in order; its
// CTAs take neighbouring column tiles of the same pair, so they need the same stored blocks: each loads half of every
// block and multicasts it to both. Of warpgroup 0, one thread of a warp loads pieces of B and one of two others the stored
// blocks of a row each (a TMA instruction keeps its thread for about 100 ns); all run ahead through one flat sequence of
// steps across all tiles. Warpgroups 1 and 2 are the consumers: wgmma m64n256k16 from shared memory, fp32 accumulators in
// registers.
//
// Both consumers pass the same ring, so that a stage waits for both. All warps of a consumer wait for their products at the
// same stages: wgmma.wait_group must not depend on what one of them finds, such as whether the next stage is full.
//
// Shared memory, 16-bit elements, every row 128 bytes under the 128-byte swizzle:
//
//   a[stages]   2 x (64 rows x 64)                                  K-major, 8 KiB for each row of the pair
//               of A transposed: 2 x (64 rows of a stored block x 64 of its columns)   MN-major
//   b[stages]   B row major: 4 x (64 rows of k x 64 columns of n)   MN-major, 32 KiB
//               B col major: 256 rows of n x 64 columns of k        K-major
//   c[2]        staging of each consumer's epilogue (epilogue.cuh)  16 or 17 KiB each
//   rows[stages]  which of the pair's rows store a block in the step
//   barriers    full[stages]: 3 arrivals (own producer threads) + the bytes of the stage; consumers wait
//               empty[stages]: 1 arrival of each consumer warp of each CTA of the cluster; producers wait
//               c_full[2][buffers]: 1 arrival + the bytes of a chunk of R; its consumer warpgroup waits
#pragma once

#include <type_traits>

#include "base/math.h"
#include "kernels/sm90/cluster_launch.cuh"
#include "kernels/sm90/deferred_epilogue.cuh"
#include "kernels/sm90/epilogue.cuh"
#include "kernels/sm90/mainloop.cuh"
#include "kernels/sm90/pairs_config.h"
#include "kernels/sm90/pairs_walk.cuh"
#include "kernels/sm90/ptx.cuh"
#include "kernels/sm90/ring.cuh"
#include "kernels/sm90/tensor_map.h"

namespace bsk {

/// kTransposeA: the stored blocks are read transposed, at the places that SpmmLaunch::pair_sources gives.
template <SpmmSm90PairsConfig kConfig, bool kTransposeA>
struct SpmmSm90Pairs {
    static constexpr int kTileN = kSm90TileN;
    static constexpr int kStages = 4;  // what fits in 227 KiB
    static constexpr int kWarps = kWarpgroupThreads / 32;
    static constexpr bool kRowMajorB = kConfig.b_layout == Layout::row_major;
    static constexpr int kTransposeB = kRowMajorB ? 1 : 0;
    static constexpr int kBytesA = kPairBlockRows * kTileK * 2;
    static constexpr int kBytesB = kTileK * kTileN * 2;
    /// 16-bit results of a tile are stored under the next tile's wgmma; an fp32 tile does not fit beside the accumulators.
    static constexpr bool kDefersStore = kConfig.c_dtype != DType::f32;
    using BlockReader = std::conditional_t<kTransposeA, SourceReader, PairReader>;
    using Loop = Mainloop<kConfig.dtype, kTransposeA ? 1 : 0, kTransposeB, kStages, kTileN>;
    using State = typename Loop::State;
    using TileEpilogue =
        std::conditional_t<kDefersStore, DeferredEpilogue<kConfig.c_dtype, kConfig.c_layout, kTileN>,
                           WgmmaEpilogue<kConfig.c_dtype, kConfig.c_layout, 2, kTileN>>;

    struct alignas(1024) SharedStorage {
        std::uint16_t a[kStages][kConsumers][kPairBlockRows * kTileK];
        std::uint16_t b[kStages][kTileK * kTileN];
        std::uint8_t c[kConsumers][TileEpilogue::kStagingBytes];
        std::uint64_t full[kStages];
        std::uint64_t empty[kStages];
        std::uint64_t c_full[kConsumers * TileEpilogue::kBuffers];
        int rows[kStages];
    };

    // ---- Producers: one thread each ---------------------------------------------------------------------

    /// Stored blocks of one row of the pair. In a cluster of 2 this CTA loads half the lines of each for both.
    __device__ static void produce_a(SharedStorage& shared, const CUtensorMap& a_map,
                                     const SpmmSm90PairsParams& p, int begin, int end, int rank, int row) {
        State state;
        BlockReader reader(p, begin, end, row);
        const int share = rank * (kPairBlockRows / 2);
        for (int item = begin; item < end; ++item) {
            int next = 0;
            const PairTile tile = reader.take(next);
            const int direction = tile.direction();
            int block = row == 0 ? tile.block[0] : tile.block[1];
            int at = tile.step;
#pragma unroll 1
            for (int left = tile.steps; left > 0; --left) {
                const int step = next;
                const bool stored = kTransposeA ? step >= 0 : (step >> row & 1) != 0;
                at += direction;
                next = left > 1 ? reader.step(at) : 0;
#pragma unroll 1
                for (int k = 0; k < p.block_k; k += kTileK) {
                    ptx::mbarrier_wait(&shared.empty[state.stage], state.phase ^ 1);
                    std::uint64_t* full = &shared.full[state.stage];
                    ptx::mbarrier_arrive_expect_tx(full, stored ? kBytesA : 0);
                    if (stored) {
                        std::uint16_t* a = shared.a[state.stage][row];
                        const int x = kTransposeA ? 0 : k;
                        const int y = kTransposeA ? step * p.block_k + k : block * kPairBlockRows;
                        const std::uint64_t policy = ptx::l2_policy(p.evict_values_first);
                        if (p.cluster == 2) {
                            ptx::tma_load_multicast(a + share * kTileK, &a_map, full, x, y + share, 0b11,
                                                    policy);
                        } else {
                            ptx::tma_load(a, &a_map, full, x, y, policy);
                        }
                    }
                    state.advance();
                }
                block += stored ? direction : 0;
            }
        }
    }

    /// Pieces of B, and which rows of the pair store a block.
    __device__ static void produce_b(SharedStorage& shared, const CUtensorMap& b_map,
                                     const SpmmSm90PairsParams& p, int begin, int end, int rank) {
        State state;
        PairReader reader(p, begin, end);
        for (int item = begin; item < end; ++item) {
            int next = 0;
            const PairTile tile = reader.take(next);
            const int direction = tile.direction();
            const int batch = tile.strip / p.strips;
            const int col = first_column(p, tile.strip, batch, rank);
            int at = tile.step;
#pragma unroll 1
            for (int left = tile.steps; left > 0; --left) {
                const int first = (next >> 2) * p.block_k;
                const int rows = next & 3;
                at += direction;
                next = left > 1 ? __ldg(p.steps + at) : 0;
#pragma unroll 1
                for (int k = 0; k < p.block_k; k += kTileK) {
                    ptx::mbarrier_wait(&shared.empty[state.stage], state.phase ^ 1);
                    std::uint64_t* full = &shared.full[state.stage];
                    shared.rows[state.stage] = rows;
                    ptx::mbarrier_arrive_expect_tx(full, kBytesB);
                    load_b(shared.b[state.stage], b_map, full, first + k, col, batch, p.one_box_b);
                    state.advance();
                }
            }
        }
        wait_until_read(shared.empty, state);
    }

    /// Rows k .. k+63, columns col .. col+255 of a B of the batch; zeros outside it.
    __device__ static void load_b(std::uint16_t* b, const CUtensorMap& b_map, std::uint64_t* full, int k,
                                  int col, int batch, bool one_box) {
        if constexpr (!kRowMajorB) {
            ptx::tma_load(b, &b_map, full, k, col, batch);
        } else if (one_box) {
            ptx::tma_load(b, &b_map, full, 0, k, col / kPanelCols, batch);
        } else {
#pragma unroll
            for (int panel = 0; panel < kTileN / kPanelCols; ++panel) {
                ptx::tma_load(b + panel * kPanelCols * kTileK, &b_map, full, col + panel * kPanelCols, k,
                              batch);
            }
        }
    }

    __device__ static int first_column(const SpmmSm90PairsParams& p, int strip, int batch, int rank) {
        return ((strip - batch * p.strips) * p.cluster + rank) * kTileN;
    }

    // ---- Consumers: 128 threads each --------------------------------------------------------------------

    /// A consumer's place in the ring. Each warp releases stages for itself.
    struct Place {
        State state;
        int held = -1;  ///< the stage that the wgmma in flight read, if any are
    };

    /// Releases the stage that wgmma read which were in flight.
    __device__ static void release_held(SharedStorage& shared, Place& place, int cluster) {
        if (place.held >= 0) {
            release_stage_of_warp(&shared.empty[place.held], cluster);
        }
        place.held = -1;
    }

    /// Waits for the wgmma in flight and releases their stage.
    __device__ static void drain(SharedStorage& shared, Place& place, int cluster) {
        ptx::wgmma_wait<0>();
        release_held(shared, place, cluster);
    }

    /// Passes on stages until one holds a block of this consumer's row; false where none of `left` does.
    __device__ static bool find_own(SharedStorage& shared, Place& place, int& left, int cluster,
                                    int consumer) {
        State& state = place.state;
#pragma unroll 1
        for (; left > 0; --left) {
            ptx::mbarrier_wait(&shared.full[state.stage], state.phase);
            const int rows = same_in_warp(shared.rows[state.stage]);
            if ((rows >> consumer & 1) != 0) {
                --left;
                return true;
            }
            drain(shared, place, cluster);
            release_stage_of_warp(&shared.empty[state.stage], cluster);
            state.advance();
        }
        return false;
    }

    /// Sums the products of this consumer's row in the next `stages` stages in acc, which is not touched where there are
    /// none; the last are still in flight. Calls meanwhile(i) when the wgmma of its i-th block piece are queued.
    template <class Meanwhile>
    __device__ static void multiply(typename Loop::Sums& acc, SharedStorage& shared, Place& place, int stages,
                                    int cluster, int consumer, Meanwhile meanwhile) {
        int left = stages;
        // No wgmma where stages are passed on: ptxas would wait for each.
#pragma unroll 1
        for (int own = 0; find_own(shared, place, left, cluster, consumer); ++own) {
            State& state = place.state;
            Loop::start(acc, shared.a[state.stage][consumer], shared.b[state.stage], own == 0);
            meanwhile(own);
            ptx::wgmma_wait<1>();
            release_held(shared, place, cluster);
            place.held = state.stage;
            state.advance();
        }
    }

    __device__ static void consume(SharedStorage& shared, const EpilogueParams& epilogue_params,
                                   const SpmmSm90PairsParams& p, int begin, int end, int rank, int consumer) {
        const int stages_per_block = p.block_k / kTileK;
        TileEpilogue epilogue(epilogue_params, shared.c[consumer],
                              &shared.c_full[consumer * TileEpilogue::kBuffers], kEpilogueBarrier + consumer);
        Place place;
        RowReader reader(p, begin, end, consumer);
        for (int item = begin; item < end; ++item) {
            const RowTile tile = reader.take();
            const int own = tile.blocks * stages_per_block;
            typename Loop::Sums acc;
            if constexpr (kDefersStore) {
                if (own == 0) {
                    epilogue.flush();  // there are no wgmma to do it under
                }
            }
            multiply(acc, shared, place, tile.steps * stages_per_block, p.cluster, consumer, [&](int i) {
                if constexpr (kDefersStore) {
                    epilogue.flush_under(i, own);
                }
            });
            const int row = tile.row * kPairBlockRows;
            const int batch = tile.strip / p.strips;
            const int col = first_column(p, tile.strip, batch, rank);
            if constexpr (kDefersStore) {
                epilogue.load_bias(row, col);
            }
            Loop::finish(acc, own == 0);
            release_held(shared, place, p.cluster);
            if constexpr (kDefersStore) {
                epilogue.hold(acc, row, col, batch);
            } else {
                epilogue.store(acc, make_int2(row, col), batch);
            }
        }
        if constexpr (kDefersStore) {
            epilogue.flush();
        }
        epilogue.finish_stores();
    }
};

// Scalar template parameters: nvcc 13.0 writes host stubs that do not compile for a struct's.
template <DType kType, DType kTypeC, Layout kLayoutB, Layout kLayoutC, bool kTransposeA>
__global__ void __launch_bounds__(kThreads, 1)
    spmm_sm90_pairs(const __grid_constant__ CUtensorMap a_map, const __grid_constant__ CUtensorMap b_map,
                    const __grid_constant__ EpilogueParams epilogue, const SpmmSm90PairsParams p) {
    using Kernel = SpmmSm90Pairs<SpmmSm90PairsConfig{kType, kTypeC, kLayoutB, kLayoutC}, kTransposeA>;
    extern __shared__ __align__(1024) std::uint8_t dynamic_shared[];
    auto& shared = *reinterpret_cast<typename Kernel::SharedStorage*>(dynamic_shared);

    const int rank = ptx::cluster_rank();
    const int stream = static_cast<int>(blockIdx.x) / p.cluster;
    const int begin = p.work_offsets[stream];
    const int end = p.work_offsets[stream + 1];

    start_cluster<Kernel::kStages>(shared, a_map, b_map, epilogue.map_of_c(), 3,
                                   kConsumers * Kernel::kWarps * p.cluster);

    const int warpgroup = same_in_warp(static_cast<int>(threadIdx.x) / kWarpgroupThreads);
    if (warpgroup == 0) {
        ptx::give_registers<kProducerRegisters>();
        const int warp = same_in_warp(static_cast<int>(threadIdx.x) / 32);
        if (ptx::elect_one() && begin < end) {
            if (warp < 2) {
                Kernel::produce_a(shared, a_map, p, begin, end, rank, warp);
            } else if (warp == 2) {
                Kernel::produce_b(shared, b_map, p, begin, end, rank);
            }
        }
    } else {
        ptx::take_registers<kConsumerRegisters>();
        if (begin < end) {
            Kernel::consume(shared, epilogue, p, begin, end, rank, warpgroup - 1);
        }
    }
}

template <SpmmSm90PairsConfig kConfig, bool kTransposeA>
constexpr auto kSpmmSm90Pairs =
    &spmm_sm90_pairs<kConfig.dtype, kConfig.c_dtype, kConfig.b_layout, kConfig.c_layout, kTransposeA>;

template <SpmmSm90PairsConfig kConfig, bool kTransposeA>
void prepare_spmm_sm90_pairs_instance() {
    prepare_clusters<typename SpmmSm90Pairs<kConfig, kTransposeA>::SharedStorage>(
        kSpmmSm90Pairs<kConfig, kTransposeA>);
}

template <SpmmSm90PairsConfig kConfig, bool kTransposeA>
void launch_spmm_sm90_pairs_instance(const SpmmLaunch& launch, Stream stream) {
    using Kernel = SpmmSm90Pairs<kConfig, kTransposeA>;
    const int cluster = launch.choice.cluster;
    // Where nothing is stored, values may be null: any address makes a valid map.
    const void* values = launch.nnzb > 0 ? launch.values : launch.c;
    const void* b = launch.k > 0 ? launch.b : launch.c;
    // Whole panels only: the columns behind the last would be those of the next row.
    const bool one_box_b = Kernel::kRowMajorB && launch.n % kPanelCols == 0;
    // Of a stored block: rows, or of a transposed A columns of k.
    const int lines = kTransposeA ? launch.block_k : kPairBlockRows;
    const int line = kTransposeA ? kPairBlockRows : launch.block_k;
    const CUtensorMap a_map = make_tensor_map(values, kConfig.dtype, launch.nnzb * lines, line, line,
                                              kPairBlockRows / cluster, kTileK);
    const CUtensorMap b_map = one_box_b
                                  ? make_panel_map(b, kConfig.dtype, launch.k, launch.n, launch.ldb, kTileK,
                                                   Kernel::kTileN / kPanelCols, launch.batch, launch.stride_b)
                                  : make_tensor_map(b, kConfig.dtype, kConfig.b_layout, launch.k, launch.n,
                                                    launch.ldb, Kernel::kRowMajorB ? kTileK : Kernel::kTileN,
                                                    64, launch.batch, launch.stride_b);
    const EpilogueParams epilogue = Kernel::TileEpilogue::make_params(launch);
    const SpmmSm90PairsParams params{launch.pairs,
                                     launch.pair_steps,
                                     launch.work_offsets,
                                     launch.work,
                                     static_cast<int>(ceil_div(launch.n, Kernel::kTileN * cluster)),
                                     launch.block_k,
                                     cluster,
                                     one_box_b,
                                     launch.keeps_b_in_l2,
                                     launch.pair_sources};
    launch_clusters<typename Kernel::SharedStorage>(kSpmmSm90Pairs<kConfig, kTransposeA>, launch.streams,
                                                    cluster, kThreads, stream, a_map, b_map, epilogue,
                                                    params);
}

}  // namespace bsk
