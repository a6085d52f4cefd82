// sddmm_sm90: values = alpha*(D1*D2) + beta*values at the stored blocks, for Hopper; block sides are multiples of 64.
//
// Persistent and warp-specialised, as spmm_sm90. A CTA takes the tiles of its stream in order. A tile is two unit rows of 64
// rows of D1 times four unit columns of 64 columns of D2 (plan/sddmm_tiles.h): 128 x 256 products, of which those at stored
// units are kept. It walks n in steps of 64; warpgroup 0 is the producer: one thread loads the tile's six pieces of 64 x 64
// elements a step by TMA. Warpgroups 1 and 2 are consumers, one for each unit row: wgmma m64n256k16.
//
//                      four unit columns of D2, wherever they lie
//                     ┌────┬────┬────┬────┐
//                   n │    │    │    │    │  64 a step
//                     └────┴────┴────┴────┘
//        n     ┌────┐ ┌────┬────┬────┬────┐
//   unit row   │    │ │    │ -  │    │    │  consumer 0; -: not stored, computed but not kept
//              ├────┤ ├────┼────┼────┼────┤
//   unit row   │    │ │    │    │ -  │    │  consumer 1
//              └────┘ └────┴────┴────┴────┘
//
// Shared memory, rows of 128 bytes under the 128-byte swizzle:
//
//   a[stages]   2 x (64 x 64)   D1 col major: MN-major; row major: K-major
//   b[stages]   4 x (64 x 64)   D2 row major: MN-major; col major: K-major
//   c[2]        staging of each consumer's epilogue (epilogue.cuh)
//   barriers    full[stages]: 1 arrival (producer) + the bytes of the stage; consumers wait
//               empty[stages]: 1 arrival of each consumer warpgroup; the producer waits
//               c_full[2][buffers]: 1 arrival + the bytes of a chunk of the values before; its warpgroup waits
//
// The last tiles are split along n, see partial_sums.cuh.
#pragma once

#include "base/math.h"
#include "kernels/sm90/cluster_launch.cuh"
#include "kernels/sm90/epilogue.cuh"
#include "kernels/sm90/mainloop.cuh"
#include "kernels/sm90/partial_sums.cuh"
#include "kernels/sm90/sddmm_config.h"
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
    int steps;               ///< of 64 of n
    int block_k;
};

template <SddmmSm90Config kConfig>
struct SddmmSm90 {
    static constexpr int kStages = 4;
    static constexpr int kTransposeA = kConfig.d1_layout == Layout::col_major ? 1 : 0;
    static constexpr int kTransposeB = kConfig.d2_layout == Layout::row_major ? 1 : 0;
    static constexpr int kPiece = kSddmmUnit * kTileK;  ///< elements
    static constexpr int kStageBytes = (kSddmmTileRows + kSddmmTileCols) * kPiece * 2;
    using Loop = Mainloop<kConfig.dtype, kTransposeA, kTransposeB, kStages>;
    using State = typename Loop::State;
    using TileEpilogue = WarpgroupEpilogue<kConfig.values_dtype, Layout::row_major, 2>;
    static_assert(kSddmmTileRows == kConsumers && kSddmmTileCols * kSddmmUnit == kTileN);

    struct alignas(1024) SharedStorage {
        std::uint16_t a[kStages][kSddmmTileRows * kPiece];
        std::uint16_t b[kStages][kSddmmTileCols * kPiece];
        std::uint8_t c[kConsumers][TileEpilogue::kBuffers * kChunkBytes];
        std::uint64_t full[kStages];
        std::uint64_t empty[kStages];
        std::uint64_t c_full[kConsumers * TileEpilogue::kBuffers];
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
              begin(part < 0 ? 0 : p.parts[part].block_begin),
              end(part < 0 ? p.steps : p.parts[part].block_end) {}
    };

    // ---- Producer: one thread ---------------------------------------------------------------------------

    __device__ static void produce(SharedStorage& shared, const CUtensorMap& d1_map,
                                   const CUtensorMap& d2_map, const SddmmSm90Params& p, int begin, int end) {
        State state;
        for (int item = begin; item < end; ++item) {
            const Task task(p, item);
            int rows[kSddmmTileRows];
            int cols[kSddmmTileCols];
#pragma unroll
            for (int i = 0; i < kSddmmTileRows; ++i) {
                rows[i] = p.tiles[task.tile].rows[i] * kSddmmUnit;
            }
#pragma unroll
            for (int j = 0; j < kSddmmTileCols; ++j) {
                cols[j] = p.tiles[task.tile].cols[j] * kSddmmUnit;
            }
#pragma unroll 1
            for (int step = task.begin; step < task.end; ++step) {
                ptx::mbarrier_wait(&shared.empty[state.stage], state.phase ^ 1);
                std::uint64_t* full = &shared.full[state.stage];
                ptx::mbarrier_arrive_expect_tx(full, kStageBytes);
#pragma unroll
                for (int i = 0; i < kSddmmTileRows; ++i) {
                    load<kTransposeA>(shared.a[state.stage] + i * kPiece, d1_map, full, rows[i],
                                      step * kTileK);
                }
#pragma unroll
                for (int j = 0; j < kSddmmTileCols; ++j) {
                    load<kTransposeB>(shared.b[state.stage] + j * kPiece, d2_map, full, cols[j],
                                      step * kTileK);
                }
                state.advance();
            }
        }
    }

    /// 64 rows of D1 (columns of D2) from `unit` on by 64 of n from `n` on; zeros outside.
    template <int kTransposed>
    __device__ static void load(std::uint16_t* piece, const CUtensorMap& map, std::uint64_t* full, int unit,
                                int n) {
        ptx::tma_load(piece, &map, full, kTransposed ? unit : n, kTransposed ? n : unit);
    }

    // ---- Consumers: 128 threads each --------------------------------------------------------------------

    __device__ static void consume(SharedStorage& shared, const EpilogueParams& epilogue_params,
                                   const SddmmSm90Params& p, int begin, int end, int consumer) {
        TileEpilogue epilogue(epilogue_params, shared.c[consumer],
                              &shared.c_full[consumer * TileEpilogue::kBuffers], kEpilogueBarrier + consumer);
        State state;
        for (int item = begin; item < end; ++item) {
            const Task task(p, item);
            float acc[128] = {};
            Loop::multiply(acc, shared, state, task.end - task.begin, consumer * kPiece, 1, [](int) {});
            Loop::finish(acc);
            if (task.begin < task.end) {
                Loop::release_last(shared, state, 1);
            }
            if (!add_partial_sums(acc, p, task.part, consumer, kConsumers, kEpilogueBarrier + consumer)) {
                continue;
            }
            const SddmmTile& tile = p.tiles[task.tile];
            epilogue.store(
                acc,
                [&](int offset) {
                    const int unit = offset / kSddmmUnit;
                    const int row = tile.out[consumer][unit];
                    const int col = (tile.cols[unit] * kSddmmUnit) % p.block_k + offset % kSddmmUnit;
                    // Where nothing is stored, outside to the right: TMA writes to no place that is negative.
                    return row < 0 ? int2{0, p.block_k} : int2{row, col};
                },
                0);
        }
        epilogue.finish_stores();
    }
};

// Scalar template parameters: nvcc 13.0 writes host stubs that do not compile for a struct's.
template <DType kType, DType kTypeV, Layout kLayout1, Layout kLayout2>
__global__ void __launch_bounds__(kThreads, 1)
    sddmm_sm90(const __grid_constant__ CUtensorMap d1_map, const __grid_constant__ CUtensorMap d2_map,
               const __grid_constant__ EpilogueParams epilogue, const SddmmSm90Params p) {
    using Kernel = SddmmSm90<SddmmSm90Config{kType, kTypeV, kLayout1, kLayout2}>;
    extern __shared__ __align__(1024) std::uint8_t dynamic_shared[];
    auto& shared = *reinterpret_cast<typename Kernel::SharedStorage*>(dynamic_shared);
    const int begin = p.work_offsets[blockIdx.x];
    const int end = p.work_offsets[blockIdx.x + 1];

    start_cluster<Kernel::kStages>(shared, d1_map, d2_map, epilogue.c_map, 1, kConsumers);

    const int warpgroup = same_in_warp(static_cast<int>(threadIdx.x) / kWarpgroupThreads);
    if (warpgroup == 0) {
        ptx::give_registers<kProducerRegisters>();
        if (threadIdx.x == 0) {
            Kernel::produce(shared, d1_map, d2_map, p, begin, end);
        }
    } else {
        ptx::take_registers<kConsumerRegisters>();
        Kernel::consume(shared, epilogue, p, begin, end, warpgroup - 1);
    }
}

template <SddmmSm90Config kConfig>
constexpr auto kSddmmSm90 =
    &sddmm_sm90<kConfig.dtype, kConfig.values_dtype, kConfig.d1_layout, kConfig.d2_layout>;

template <SddmmSm90Config kConfig>
void prepare_sddmm_sm90_instance() {
    prepare_clusters<typename SddmmSm90<kConfig>::SharedStorage>(kSddmmSm90<kConfig>);
}

template <SddmmSm90Config kConfig>
void launch_sddmm_sm90_instance(const SddmmLaunch& launch, Stream stream) {
    using Kernel = SddmmSm90<kConfig>;
    const auto map_of = [](const void* data, Layout layout, std::int64_t rows, std::int64_t cols,
                           std::int64_t ld) {
        const bool row_major = layout == Layout::row_major;
        return make_tensor_map(data, kConfig.dtype, row_major ? rows : cols, row_major ? cols : rows, ld,
                               kSddmmUnit, kTileK);
    };
    // With n = 0 the operands may be null: any address makes a valid map.
    const void* d1 = launch.n > 0 ? launch.d1 : launch.values;
    const void* d2 = launch.n > 0 ? launch.d2 : launch.values;
    SpmmLaunch values;  // the values as the C of a product
    values.m = launch.nnzb * launch.block_m;
    values.n = launch.block_k;
    values.c = launch.values;
    values.ldc = launch.block_k;
    values.stride_c = values.m * values.n;
    values.residual = launch.values;
    values.alpha = launch.alpha;
    values.beta = launch.beta;
    const EpilogueParams epilogue = Kernel::TileEpilogue::make_params(values, false);
    const PartialSums sums(launch.part_count, launch.split_tiles, kConsumers, stream);
    const SddmmSm90Params params{launch.tiles,
                                 launch.work_offsets,
                                 launch.work,
                                 launch.parts,
                                 sums.partials,
                                 sums.arrivals,
                                 static_cast<int>(ceil_div(launch.n, kTileK)),
                                 launch.block_k};
    launch_clusters<typename Kernel::SharedStorage>(
        kSddmmSm90<kConfig>, launch.streams, 1, kThreads, stream,
        map_of(d1, kConfig.d1_layout, launch.m, launch.n, launch.ld1),
        map_of(d2, kConfig.d2_layout, launch.n, launch.k, launch.ld2), epilogue, params);
}

}  // namespace bsk
