// spmm_sm90: C = activation(alpha*A*B + beta*R + bias) for Hopper, A in BSR with block sides that are multiples of 64.
//
// Persistent and warp-specialised. A cluster of 1 or 2 CTAs takes the tiles of C that the plan gives its
// stream, in order; its CTAs take neighbouring column tiles of the same tile row, so they need the same
// stored blocks: each loads half of every piece of A and multicasts it to both. Warpgroup 0 is the producer:
// one thread runs ahead through one flat sequence of steps across all tiles (never draining at a tile's end),
// each step a tile_m x 64 piece of A and a 64 x tile_n piece of B by TMA into a ring of stages. Warpgroups 1 and
// 2 are consumers: wgmma of 64 x tile_n from shared memory, fp32 accumulators in registers.
//
//   tile_m = 128: both consumers work on one tile, 64 rows each; tile_n is 256, or 128 where tiles are few.
//   tile_m = 64:  consumers take tiles of 256 columns in turn, so that one's epilogue runs under the other's mainloop.
//
// Shared memory, 16-bit elements, every row 128 bytes under the 128-byte swizzle:
//
//   a[stages]   tile_m x 64       K-major                           16 or 8 KiB each
//               of A transposed: tile_m / 64 x (64 rows of a stored block x 64 of its columns)   MN-major
//   b[stages]   B row major: tile_n / 64 x (64 rows of k x 64 columns of n)   MN-major, 32 or 16 KiB each
//               B col major: tile_n rows of n x 64 columns of k               K-major
//   c[2]        staging of each consumer's epilogue (epilogue.cuh)  8 to 17 KiB each
//   barriers    full[stages]: 1 arrival (own producer) + the bytes of the stage; consumers wait
//               empty[stages]: 1 arrival of each consumer warpgroup that reads the stage, of each CTA of the
//                              cluster; the producer waits
//               c_full[2][buffers]: 1 arrival + the bytes of a chunk of R; its consumer warpgroup waits
#pragma once

#include <algorithm>
#include <bit>
#include <type_traits>

#include "base/math.h"
#include "kernels/sm90/cluster_launch.cuh"
#include "kernels/sm90/config.h"
#include "kernels/sm90/deferred_epilogue.cuh"
#include "kernels/sm90/epilogue.cuh"
#include "kernels/sm90/mainloop.cuh"
#include "kernels/sm90/partial_sums.cuh"
#include "kernels/sm90/ptx.cuh"
#include "kernels/sm90/tensor_map.h"
#include "kernels/sm90/tile_walk.cuh"

namespace bsk {

/// kSplits: some tiles are split, see partial_sums.cuh.
/// kTransposeA: the stored blocks are read transposed, at the places that SpmmLaunch::sources gives.
template <SpmmSm90Config kConfig, int kTileN, bool kTransposeA, bool kSplits>
struct SpmmSm90 {
    static constexpr bool kCooperative = kConfig.tile_m == 128;
    static constexpr int kStages = !kCooperative ? 5 : kTileN == 256 ? 4 : 6;  // what fits in 227 KiB
    static constexpr int kReaders = kCooperative ? 2 : 1;  ///< consumer warpgroups that read a stage
    /// 16-bit results of a shared tile are stored under the next tile's wgmma; consumers in turn overlap
    /// anyway, and neither an fp32 tile nor the addresses of partial sums fit beside the accumulators.
    static constexpr bool kDefersStore = kCooperative && kConfig.c_dtype != DType::f32 && !kSplits;
    static constexpr bool kRowMajorB = kConfig.b_layout == Layout::row_major;
    static constexpr int kBytesOfA = kConfig.tile_m * kTileK * 2;  ///< in a stage
    using Loop = Mainloop<kConfig.dtype, kTransposeA ? 1 : 0, kRowMajorB ? 1 : 0, kStages, kTileN>;
    using State = typename Loop::State;
    using TileEpilogue =
        std::conditional_t<kDefersStore, DeferredEpilogue<kConfig.c_dtype, kConfig.c_layout, kTileN>,
                           WgmmaEpilogue<kConfig.c_dtype, kConfig.c_layout, kCooperative ? 2 : 1, kTileN>>;

    struct alignas(1024) SharedStorage {
        std::uint16_t a[kStages][kConfig.tile_m * kTileK];
        std::uint16_t b[kStages][kTileN * kTileK];
        std::uint8_t c[kConsumers][TileEpilogue::kStagingBytes];
        std::uint64_t full[kStages];
        std::uint64_t empty[kStages];
        std::uint64_t c_full[kConsumers * TileEpilogue::kBuffers];
    };

    // ---- Producer: one thread ---------------------------------------------------------------------------

    __device__ static void produce(SharedStorage& shared, const CUtensorMap& a_map, const CUtensorMap& b_map,
                                   const SpmmSm90Params& p, int begin, int end, int rank) {
        State state;
        WorkReader<1, kSplits> reader(p, begin, end);
        for (int item = begin; item < end; ++item) {
            const Work work = reader.take();
            const int blocks = work.block_end - work.block_begin;
            const Place place = place_of<kConfig.tile_m, kTileN>(p, work, rank);
            const int row_in_block = place.row & (p.block_m - 1);
            const int boxes = boxes_of_b(p, place.col);
            const int bytes_of_b = boxes * (kRowMajorB ? 64 : min(kTileN, p.n)) * kTileK * 2;
            // Every second strip backwards: what the strip before read last is still in L2.
            const bool backwards = work.strip % 2 != 0;
            const int step = backwards ? -1 : 1;
            int block = backwards ? work.block_end - 1 : work.block_begin;
            int next_col = blocks > 0 ? __ldg(p.col_indices + block) : 0;
            int next_source = blocks > 0 ? source_of(p, block) : 0;
#pragma unroll 1
            for (int left = blocks; left > 0; --left, block += step) {
                const int block_col = next_col;
                const int source = next_source;
                next_col = left > 1 ? __ldg(p.col_indices + block + step) : 0;
                next_source = left > 1 ? source_of(p, block + step) : 0;
#pragma unroll 1
                for (int k = 0; k < p.block_k; k += kTileK) {
                    ptx::mbarrier_wait(&shared.empty[state.stage], state.phase ^ 1);
                    std::uint64_t* full = &shared.full[state.stage];
                    ptx::mbarrier_arrive_expect_tx(full, kBytesOfA + bytes_of_b);
                    load_a(shared.a[state.stage], a_map, full, p, source, row_in_block, k, rank);
                    load_b(shared.b[state.stage], b_map, full, boxes, block_col * p.block_k + k, place);
                    state.advance();
                }
            }
        }
        wait_until_read(shared.empty, state);
    }

    /// Where the block lies in the values.
    __device__ static int source_of(const SpmmSm90Params& p, int block) {
        return kTransposeA ? __ldg(p.sources + block) : block;
    }

    /// Rows row .. row+tile_m-1, columns k .. k+63 of a block of A. In a cluster of 2 this CTA loads half of it for both: rows,
    /// or of 64 transposed rows half the lines of k.
    __device__ static void load_a(std::uint16_t* a, const CUtensorMap& a_map, std::uint64_t* full,
                                  const SpmmSm90Params& p, int source, int row, int k, int rank) {
        const int share = rank * (kConfig.tile_m / 2);
        const std::uint64_t policy = ptx::l2_policy(p.evict_values_first);
        const bool by_lines = kTransposeA && kConfig.tile_m == 64;
        const int x = kTransposeA ? row : k;
        const int y = kTransposeA ? source * p.block_k + k : source * p.block_m + row;
        if (p.cluster == 2) {
            const bool along_x = kTransposeA && !by_lines;
            ptx::tma_load_multicast(a + share * kTileK, &a_map, full, along_x ? x + share : x,
                                    along_x ? y : y + share, 0b11, policy);
        } else {
            ptx::tma_load(a, &a_map, full, x, y, policy);
            if (kTransposeA && !by_lines) {
                ptx::tma_load(a + 64 * kTileK, &a_map, full, x + 64, y, policy);
            }
        }
    }

    /// Boxes that a tile from column `col` on loads of 64 rows of B: 64 columns each, or of a column-major B all columns in one.
    /// None lies outside B: what is multiplied there is not stored, and TMA takes longer to fill in zeros than to load.
    __device__ static int boxes_of_b(const SpmmSm90Params& p, int col) {
        const int columns = max(0, p.n - col);
        return kRowMajorB ? min(kTileN / 64, (columns + 63) / 64) : min(1, columns);
    }

    /// Rows k .. k+63 of the tile's columns of B.
    __device__ static void load_b(std::uint16_t* b, const CUtensorMap& b_map, std::uint64_t* full, int boxes,
                                  int k, const Place& at) {
        if constexpr (kRowMajorB) {
#pragma unroll
            for (int box = 0; box < kTileN / 64; ++box) {
                if (box < boxes) {
                    ptx::tma_load(b + box * 64 * kTileK, &b_map, full, at.col + box * 64, k, at.batch);
                }
            }
        } else if (boxes > 0) {
            ptx::tma_load(b, &b_map, full, k, at.col, at.batch);
        }
    }

    // ---- Consumers: 128 threads each --------------------------------------------------------------------

    __device__ static void consume(SharedStorage& shared, const EpilogueParams& epilogue_params,
                                   const SpmmSm90Params& p, int begin, int end, int rank, int consumer) {
        const int steps_per_block = p.block_k / kTileK;
        const int tile_rows = kCooperative ? consumer * 64 : 0;  // this warpgroup's rows in a tile
        TileEpilogue epilogue(epilogue_params, shared.c[consumer],
                              &shared.c_full[consumer * TileEpilogue::kBuffers], kEpilogueBarrier + consumer);
        State state;
        WorkReader<kCooperative ? 1 : kConsumers, kSplits> reader(p, begin, end);
        for (int item = begin;; ++item) {
            const Work work = reader.take();
            const int steps = item == end ? 0 : (work.block_end - work.block_begin) * steps_per_block;
            if constexpr (kDefersStore) {
                if (steps == 0) {
                    epilogue.flush();  // there is no mainloop to do it under
                }
            }
            if (item == end) {
                break;
            }
            if constexpr (!kCooperative) {
                if ((item - begin) % kConsumers != consumer) {
                    state.advance(steps);  // the other consumer's tile
                    continue;
                }
                // In turn, also because a parity wait two rounds early would pass.
                if (item > begin) {
                    ptx::named_barrier_sync(kOrderBarrier + consumer, 2 * kWarpgroupThreads);
                }
            }
            typename Loop::Sums acc;  // dead between tiles
            Loop::multiply(acc, shared, state, steps, tile_rows * kTileK, p.cluster, [&](int step) {
                if constexpr (kDefersStore) {
                    epilogue.flush_under(step, steps);
                }
            });
            if constexpr (!kCooperative) {
                if (item + 1 < end) {
                    ptx::named_barrier_arrive(kOrderBarrier + (consumer ^ 1), 2 * kWarpgroupThreads);
                }
            }
            const Place place = place_of<kConfig.tile_m, kTileN>(p, work, rank);
            if constexpr (kDefersStore) {
                epilogue.load_bias(place.row + tile_rows, place.col);
            }
            Loop::finish(acc, steps == 0);
            if (steps > 0) {
                Loop::release_last(shared, state, p.cluster);
            }
            if constexpr (kSplits) {
                if (!add_partial_sums(acc, p, p.work[item].part, rank * kReaders + tile_rows / 64,
                                      p.cluster * kReaders, kEpilogueBarrier + consumer)) {
                    continue;
                }
            }
            if constexpr (kDefersStore) {
                epilogue.hold(acc, place.row + tile_rows, place.col, place.batch);
            } else {
                epilogue.store(acc, make_int2(place.row + tile_rows, place.col), place.batch);
            }
        }
        epilogue.finish_stores();
    }
};

// Scalar template parameters: nvcc 13.0 writes host stubs that do not compile for a struct's.
template <DType kType, DType kTypeC, int kTileM, int kTileN, Layout kLayoutB, Layout kLayoutC,
          bool kTransposeA, bool kSplits>
__global__ void __launch_bounds__(kThreads, 1)
    spmm_sm90(const __grid_constant__ CUtensorMap a_map, const __grid_constant__ CUtensorMap b_map,
              const __grid_constant__ EpilogueParams epilogue, const SpmmSm90Params p) {
    using Kernel =
        SpmmSm90<SpmmSm90Config{kType, kTypeC, kTileM, kLayoutB, kLayoutC}, kTileN, kTransposeA, kSplits>;
    extern __shared__ __align__(1024) std::uint8_t dynamic_shared[];
    auto& shared = *reinterpret_cast<typename Kernel::SharedStorage*>(dynamic_shared);

    const int rank = ptx::cluster_rank();
    const int stream = static_cast<int>(blockIdx.x) / p.cluster;
    const int begin = p.work_offsets[stream];
    const int end = p.work_offsets[stream + 1];

    start_cluster<Kernel::kStages>(shared, a_map, b_map, epilogue.map_of_c(), 1,
                                   Kernel::kReaders * p.cluster);

    const int warpgroup = same_in_warp(static_cast<int>(threadIdx.x) / kWarpgroupThreads);
    if (warpgroup == 0) {
        ptx::give_registers<kProducerRegisters>();
        if (begin < end && same_in_warp(threadIdx.x / 32) == 0) {
            if (ptx::elect_one()) {  // in a condition of its own: ptxas does not see through a longer one
                Kernel::produce(shared, a_map, b_map, p, begin, end, rank);
            }
        }
    } else {
        ptx::take_registers<kConsumerRegisters>();
        if (begin < end) {
            Kernel::consume(shared, epilogue, p, begin, end, rank, warpgroup - 1);
        }
    }
}

template <SpmmSm90Config kConfig, int kTileN, bool kTransposeA, bool kSplits>
constexpr auto kSpmmSm90 = &spmm_sm90<kConfig.dtype, kConfig.c_dtype, kConfig.tile_m, kTileN,
                                      kConfig.b_layout, kConfig.c_layout, kTransposeA, kSplits>;

/// Map of the values as boxes of what a CTA loads of A.
template <SpmmSm90Config kConfig, bool kTransposeA>
CUtensorMap make_a_map(const SpmmLaunch& launch) {
    // Where nothing is stored, values may be null: any address makes a valid map.
    const void* values = launch.nnzb > 0 ? launch.values : launch.c;
    const int share = kConfig.tile_m / launch.choice.cluster;
    if constexpr (kTransposeA) {
        return make_tensor_map(values, kConfig.dtype, launch.nnzb * launch.block_k, launch.block_m,
                               launch.block_m, kConfig.tile_m == 64 ? share : kTileK, 64);
    } else {
        return make_tensor_map(values, kConfig.dtype, launch.nnzb * launch.block_m, launch.block_k,
                               launch.block_k, share, kTileK);
    }
}

template <SpmmSm90Config kConfig, int kTileN, bool kTransposeA, bool kSplits>
void launch_spmm_sm90_variant(const SpmmLaunch& launch, Stream stream) {
    using Kernel = SpmmSm90<kConfig, kTileN, kTransposeA, kSplits>;
    const int cluster = launch.choice.cluster;
    const void* b = launch.k > 0 ? launch.b : launch.c;
    const CUtensorMap a_map = make_a_map<kConfig, kTransposeA>(launch);
    const CUtensorMap b_map = make_tensor_map(
        b, kConfig.dtype, kConfig.b_layout, launch.k, launch.n, launch.ldb,
        Kernel::kRowMajorB ? kTileK : static_cast<int>(std::min<std::int64_t>(kTileN, launch.n)), 64,
        launch.batch, launch.stride_b);
    const EpilogueParams epilogue = Kernel::TileEpilogue::make_params(launch);
    const PartialSums sums(launch.part_count, launch.split_tiles, cluster * Kernel::kReaders, kTileN, stream);
    const SpmmSm90Params params{launch.crow_indices,
                                launch.col_indices,
                                launch.sources,
                                launch.work_offsets,
                                launch.work,
                                launch.parts,
                                sums.partials,
                                sums.arrivals,
                                static_cast<int>(launch.n),
                                static_cast<int>(ceil_div(launch.n, kTileN * cluster)),
                                launch.block_m,
                                launch.block_k,
                                std::countr_zero(static_cast<unsigned>(launch.block_m / kConfig.tile_m)),
                                cluster,
                                launch.keeps_b_in_l2};
    launch_clusters<typename Kernel::SharedStorage>(kSpmmSm90<kConfig, kTileN, kTransposeA, kSplits>,
                                                    launch.streams, cluster, kThreads, stream, a_map, b_map,
                                                    epilogue, params);
}

template <int kWidth, bool kSplitTiles>
struct SpmmSm90Variant {
    static constexpr int kTileN = kWidth;
    static constexpr bool kSplits = kSplitTiles;
};

/// Calls function(SpmmSm90Variant) for each variant of an instance.
template <SpmmSm90Config kConfig, class Function>
void for_each_variant(Function function) {
    function(SpmmSm90Variant<kSm90TileN, false>{});
    function(SpmmSm90Variant<kSm90TileN, true>{});
    if constexpr (kConfig.tile_m == 128) {
        function(SpmmSm90Variant<kSm90NarrowTileN, false>{});
        function(SpmmSm90Variant<kSm90NarrowTileN, true>{});
    }
}

template <SpmmSm90Config kConfig, bool kTransposeA>
void prepare_spmm_sm90_instance() {
    for_each_variant<kConfig>([](auto variant) {
        using Variant = decltype(variant);
        prepare_clusters<
            typename SpmmSm90<kConfig, Variant::kTileN, kTransposeA, Variant::kSplits>::SharedStorage>(
            kSpmmSm90<kConfig, Variant::kTileN, kTransposeA, Variant::kSplits>);
    });
}

template <SpmmSm90Config kConfig, bool kTransposeA>
void launch_spmm_sm90_instance(const SpmmLaunch& launch, Stream stream) {
    for_each_variant<kConfig>([&](auto variant) {
        using Variant = decltype(variant);
        if (launch.choice.tile_n == Variant::kTileN && (launch.part_count > 0) == Variant::kSplits) {
            launch_spmm_sm90_variant<kConfig, Variant::kTileN, kTransposeA, Variant::kSplits>(launch, stream);
        }
    });
}

}  // namespace bsk
