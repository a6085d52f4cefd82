// sddmm_sm90: values = alpha*(D1*D2) + beta*values at the stored blocks, for Hopper; block sides are 32 and more.
//
// Blocks are cut into units of 64 x 64, or of 32 x 32 where a side of them is 32. Persistent and warp-specialised, as spmm_sm90:
// a CTA takes the tiles of its stream in order. A tile is 128 rows of D1 times 256 columns of D2, in units of both, wherever
// these lie (plan/sddmm_tiles.h): of its products those at stored units are kept. It walks n in steps of 64. Warpgroup 0 is the
// producer: one thread loads the tile's pieces of D1 and D2, unit x 64 elements a step each, by TMA. Warpgroups 1 and 2 are
// consumers, each for 64 rows: wgmma m64n256k16.
//
//                      four unit columns of 64 of D2 (or eight of 32)
//                     ┌────┬────┬────┬────┐
//                   n │    │    │    │    │  64 a step
//                     └────┴────┴────┴────┘
//        n     ┌────┐ ┌────┬────┬────┬────┐
//   unit row   │    │ │    │ -  │    │    │  consumer 0 (or two unit rows); -: not stored, computed but not kept
//              ├────┤ ├────┼────┼────┼────┤
//   unit row   │    │ │    │    │ -  │    │  consumer 1
//              └────┘ └────┴────┴────┴────┘
//
// Shared memory:
//
//   a[stages]   128 x 64   D1 col major: MN-major pieces, lines of a unit's width under the swizzle of as many bytes;
//                          row major: K-major, lines of 128 bytes under the 128-byte swizzle
//   b[stages]   256 x 64   D2 row major: MN-major; col major: K-major
//   barriers    full[stages]: 1 arrival (producer) + the bytes of the stage; consumers wait
//               empty[stages]: 1 arrival of each consumer warpgroup; the producer waits
//
// The last tiles may be split along n, see partial_sums.cuh. Values go straight from registers to memory (sddmm_values.cuh).
#pragma once

#include <cstdint>
#include <type_traits>

#include "base/math.h"
#include "kernels/sm90/cluster_launch.cuh"
#include "kernels/sm90/mainloop.cuh"
#include "kernels/sm90/partial_sums.cuh"
#include "kernels/sm90/sddmm_config.h"
#include "kernels/sm90/sddmm_values.cuh"
#include "kernels/sm90/tensor_map.h"
#include "plan/sddmm_tiles.h"

namespace bsk {

/// What a CTA needs beside the tensor maps.
struct SddmmSm90Params {
    const SddmmTile* tiles;
    const std::int32_t* work_offsets;  ///< [streams + 1]
    const WorkItem* work;
    const TilePart* parts;
    float* partials;         ///< for each slot and consumer 64 x 256 partial sums
    std::int32_t* arrivals;  ///< zeros, for each split tile and consumer
    void* values;            ///< [nnzb * block_m, block_k]
    float alpha;
    float beta;
    int steps;  ///< of 64 of n
    int block_k;
};

template <SddmmSm90Config kConfig>
struct SddmmSm90 {
    static constexpr int kStages = 4;
    static constexpr int kUnit = kConfig.unit;
    static constexpr int kTileRows = kSddmmTileM / kUnit;  ///< unit rows
    static constexpr int kTileCols = kSddmmTileN / kUnit;  ///< unit columns
    static constexpr int kTransposeA = kConfig.d1_layout == Layout::col_major ? 1 : 0;
    static constexpr int kTransposeB = kConfig.d2_layout == Layout::row_major ? 1 : 0;
    static constexpr int kPiece = kUnit * kTileK;  ///< elements
    static constexpr int kStageBytes = (kTileRows + kTileCols) * kPiece * 2;
    using Loop = Mainloop<kConfig.dtype, kTransposeA, kTransposeB, kStages, kSddmmTileN, kUnit>;
    using State = typename Loop::State;
    static_assert(kSddmmTileM == kConsumers * 64);

    struct alignas(1024) SharedStorage {
        std::uint16_t a[kStages][kTileRows * kPiece];
        std::uint16_t b[kStages][kTileCols * kPiece];
        std::uint64_t full[kStages];
        std::uint64_t empty[kStages];
    };

    /// A work item: its tile and steps [begin, end).
    struct Task {
        int tile;
        int part;
        int begin;
        int end;

        __device__ Task(const SddmmSm90Params& p, int item)
            : tile(p.work[item].tile_row),
              part(p.work[item].part),
              begin(part < 0 ? 0 : p.parts[part].begin),
              end(part < 0 ? p.steps : p.parts[part].end) {}
    };

    /// All threads; the barriers are ready after it.
    __device__ static void start(SharedStorage& shared, const CUtensorMap& d1_map,
                                 const CUtensorMap& d2_map) {
        if (threadIdx.x == 0) {
            ptx::prefetch_tensor_map(&d1_map);
            ptx::prefetch_tensor_map(&d2_map);
            for (int stage = 0; stage < kStages; ++stage) {
                ptx::mbarrier_init(&shared.full[stage], 1);
                ptx::mbarrier_init(&shared.empty[stage], kConsumers);
            }
            ptx::fence_mbarrier_init();
        }
        __syncthreads();
    }

    // ---- Producer: one thread ---------------------------------------------------------------------------

    __device__ static void produce(SharedStorage& shared, const CUtensorMap& d1_map,
                                   const CUtensorMap& d2_map, const SddmmSm90Params& p, int begin, int end) {
        State state;
        for (int item = begin; item < end; ++item) {
            const Task task(p, item);
            int rows[kTileRows];
            int cols[kTileCols];
#pragma unroll
            for (int i = 0; i < kTileRows; ++i) {
                rows[i] = p.tiles[task.tile].rows[i] * kUnit;
            }
#pragma unroll
            for (int j = 0; j < kTileCols; ++j) {
                cols[j] = p.tiles[task.tile].cols[j] * kUnit;
            }
#pragma unroll 1
            for (int step = task.begin; step < task.end; ++step) {
                ptx::mbarrier_wait(&shared.empty[state.stage], state.phase ^ 1);
                std::uint64_t* full = &shared.full[state.stage];
                ptx::mbarrier_arrive_expect_tx(full, kStageBytes);
#pragma unroll
                for (int i = 0; i < kTileRows; ++i) {
                    load<kTransposeA>(shared.a[state.stage] + i * kPiece, d1_map, full, rows[i],
                                      step * kTileK);
                }
#pragma unroll
                for (int j = 0; j < kTileCols; ++j) {
                    load<kTransposeB>(shared.b[state.stage] + j * kPiece, d2_map, full, cols[j],
                                      step * kTileK);
                }
                state.advance();
            }
        }
    }

    /// kUnit rows of D1 (columns of D2) from `unit` on by 64 of n from `n` on; zeros outside.
    template <int kTransposed>
    __device__ static void load(std::uint16_t* piece, const CUtensorMap& map, std::uint64_t* full, int unit,
                                int n) {
        ptx::tma_load(piece, &map, full, kTransposed ? unit : n, kTransposed ? n : unit);
    }

    // ---- Consumers: 128 threads each --------------------------------------------------------------------

    __device__ static void consume(SharedStorage& shared, const SddmmSm90Params& p, int begin, int end,
                                   int consumer) {
        State state;
        for (int item = begin; item < end; ++item) {
            const Task task(p, item);
            const std::int64_t places = unit_places(p, p.tiles[task.tile], consumer);
            float acc[128];
            Loop::multiply(acc, shared, state, task.end - task.begin, consumer * 64 * kTileK, 1, [](int) {});
            Loop::finish(acc, task.begin == task.end);
            if (task.begin < task.end) {
                Loop::release_last(shared, state, 1);
            }
            if (add_partial_sums(acc, p, task.part, consumer, kConsumers, kEpilogueBarrier + consumer)) {
                store(acc, p, places);
            }
        }
    }

    /// Where the values of this warp's 16 rows start in the unit column of this lane's number: elements, or -1 where none is
    /// stored. A lane for each, long before they are needed.
    __device__ static std::int64_t unit_places(const SddmmSm90Params& p, const SddmmTile& tile,
                                               int consumer) {
        const int row = consumer * 64 + static_cast<int>(threadIdx.x) % kWarpgroupThreads / 32 * 16;
        const int unit = static_cast<int>(threadIdx.x) % kTileCols;
        const int out = tile.out[row / kUnit][unit];
        return out < 0 ? -1
                       : static_cast<std::int64_t>(out + row % kUnit) * p.block_k +
                             tile.cols[unit] * kUnit % p.block_k;
    }

    /// What is stored of this warp's 16 x 256 sums.
    __device__ static void store(const float (&acc)[128], const SddmmSm90Params& p, std::int64_t places) {
        using Value = std::conditional_t<kConfig.values_dtype == DType::f32, float, std::uint16_t>;
#pragma unroll
        for (int unit = 0; unit < kTileCols; ++unit) {
            const std::int64_t place = __shfl_sync(0xFFFFFFFF, places, unit);
            if (place >= 0) {
                store_values<kConfig.values_dtype, kUnit>(static_cast<Value*>(p.values) + place, p.block_k,
                                                          acc + unit * kUnit / 2, p.alpha, p.beta);
            }
        }
    }
};

// Scalar template parameters: nvcc 13.0 writes host stubs that do not compile for a struct's.
template <DType kType, DType kTypeV, int kUnit, Layout kLayout1, Layout kLayout2>
__global__ void __launch_bounds__(kThreads, 1)
    sddmm_sm90(const __grid_constant__ CUtensorMap d1_map, const __grid_constant__ CUtensorMap d2_map,
               const SddmmSm90Params p) {
    using Kernel = SddmmSm90<SddmmSm90Config{kType, kTypeV, kUnit, kLayout1, kLayout2}>;
    extern __shared__ __align__(1024) std::uint8_t dynamic_shared[];
    auto& shared = *reinterpret_cast<typename Kernel::SharedStorage*>(dynamic_shared);
    const int begin = p.work_offsets[blockIdx.x];
    const int end = p.work_offsets[blockIdx.x + 1];

    Kernel::start(shared, d1_map, d2_map);

    const int warpgroup = same_in_warp(static_cast<int>(threadIdx.x) / kWarpgroupThreads);
    if (warpgroup == 0) {
        ptx::give_registers<kProducerRegisters>();
        if (threadIdx.x == 0) {
            Kernel::produce(shared, d1_map, d2_map, p, begin, end);
        }
    } else {
        ptx::take_registers<kConsumerRegisters>();
        Kernel::consume(shared, p, begin, end, warpgroup - 1);
    }
}

template <SddmmSm90Config kConfig>
constexpr auto kSddmmSm90 =
    &sddmm_sm90<kConfig.dtype, kConfig.values_dtype, kConfig.unit, kConfig.d1_layout, kConfig.d2_layout>;

template <SddmmSm90Config kConfig>
void prepare_sddmm_sm90_instance() {
    prepare_clusters<typename SddmmSm90<kConfig>::SharedStorage>(kSddmmSm90<kConfig>);
}

template <SddmmSm90Config kConfig>
void launch_sddmm_sm90_instance(const SddmmLaunch& launch, Stream stream) {
    using Kernel = SddmmSm90<kConfig>;
    const auto map_of = [](const void* data, std::int64_t units, std::int64_t n, std::int64_t ld,
                           bool transposed) {
        return transposed ? make_tensor_map(data, kConfig.dtype, n, units, ld, kTileK, Kernel::kUnit)
                          : make_tensor_map(data, kConfig.dtype, units, n, ld, Kernel::kUnit, kTileK);
    };
    // With n = 0 the operands may be null: any address makes a valid map.
    const void* d1 = launch.n > 0 ? launch.d1 : launch.values;
    const void* d2 = launch.n > 0 ? launch.d2 : launch.values;
    const PartialSums sums(launch.part_count, launch.split_tiles, kConsumers, kSddmmTileN, stream);
    const SddmmSm90Params params{launch.tiles,  launch.work_offsets,
                                 launch.work,   launch.parts,
                                 sums.partials, sums.arrivals,
                                 launch.values, launch.alpha,
                                 launch.beta,   static_cast<int>(ceil_div(launch.n, kTileK)),
                                 launch.block_k};
    launch_clusters<typename Kernel::SharedStorage>(
        kSddmmSm90<kConfig>, launch.streams, 1, kThreads, stream,
        map_of(d1, launch.m, launch.n, launch.ld1, Kernel::kTransposeA),
        map_of(d2, launch.k, launch.n, launch.ld2, Kernel::kTransposeB), params);
}

}  // namespace bsk
