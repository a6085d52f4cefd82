// spmm_sm90_small: C = activation(alpha*A*B + beta*R + bias) for Hopper, A in BSR with blocks whose sides are multiples of 16.
//
// Stored blocks are cut into units of 32 x 32 or 16 x 16. A tile is 256 rows x 128 columns of C: a group of 8 or 16 unit rows
// with similar columns (plan/row_groups.h), which walks the union of their columns (plan/union_lists.h) so that a
// piece of B is loaded once for all of them.
//
// Persistent and warp-specialised. A cluster of 1 or 2 CTAs takes the tiles that the plan gives its stream,
// in order; its CTAs take neighbouring column tiles of the same group, so they need the same units: each
// loads every other run of units and multicasts it to both. Warpgroup 0 produces (small_producer.cuh): warp 1 loads the
// pieces of B, warps 2 and 3 gather units by TMA straight from the BSR values (no packing), warp 0 writes
// what the consumers multiply. Four more consume (small_consumer.cuh).
//
// Shared memory, 16-bit elements:
//
//   stages      units and pieces of B (small_stage.cuh)                                       64 KiB each
//   c           staging of each consumer warp's epilogue (epilogue.cuh)                       2 KiB each
//   zeros       what a row reads that stores no unit
//   lists       of a stage, what each consumer warp multiplies (small_stage.cuh)
//   barriers    full[stages]: 2 arrivals (the warps of B and of the lists) + the bytes of the stage; consumers wait
//               empty[stages]: 1 arrival of each consumer warp of each CTA of the cluster; producer warps wait
//               c_full[...]: 1 arrival + the bytes of a chunk of R; its consumer warp waits
#pragma once

#include <bit>

#include "base/math.h"
#include "kernels/sm90/cluster_launch.cuh"
#include "kernels/sm90/epilogue.cuh"
#include "kernels/sm90/partial_sums.cuh"
#include "kernels/sm90/ptx.cuh"
#include "kernels/sm90/small_config.h"
#include "kernels/sm90/small_consumer.cuh"
#include "kernels/sm90/small_producer.cuh"
#include "kernels/sm90/small_stage.cuh"
#include "kernels/sm90/tensor_map.h"

namespace bsk {

template <SpmmSm90SmallConfig kConfig>
struct SpmmSm90Small {
    static constexpr int kUnit = kConfig.unit;
    static constexpr bool kRowMajorB = kConfig.b_layout == Layout::row_major;
    static constexpr int kTileN = kSm90SmallTileN;
    using Consumer = SmallConsumer<kConfig>;
    using State = typename Consumer::State;
    using WarpEpilogue = typename Consumer::WarpEpilogue;

    struct alignas(1024) SharedStorage {
        SmallStage<kUnit> stages[kSmallStages];
        std::uint8_t c[kSmallWarps][WarpEpilogue::kStagingBytes];
        alignas(128) std::uint8_t zeros[64];
        SmallLists<kUnit> lists[kSmallStages];
        std::uint64_t full[kSmallStages];
        std::uint64_t empty[kSmallStages];
        std::uint64_t c_full[kSmallWarps * WarpEpilogue::kBuffers];
    };
};

// Scalar template parameters: nvcc 13.0 writes host stubs that do not compile for a struct's.
template <DType kType, DType kTypeC, int kUnit, Layout kLayoutB, Layout kLayoutC>
__global__ void __launch_bounds__(kSmallThreads, 1)
    spmm_sm90_small(const __grid_constant__ CUtensorMap a_map, const __grid_constant__ CUtensorMap b_map,
                    const __grid_constant__ EpilogueParams epilogue, const SpmmSm90SmallParams p) {
    using Kernel = SpmmSm90Small<SpmmSm90SmallConfig{kType, kTypeC, kUnit, kLayoutB, kLayoutC}>;
    using Consumer = typename Kernel::Consumer;
    extern __shared__ __align__(1024) std::uint8_t dynamic_shared[];
    auto& shared = *reinterpret_cast<typename Kernel::SharedStorage*>(dynamic_shared);

    const int rank = p.cluster == 1 ? 0 : static_cast<int>(ptx::cluster_rank());
    const int stream = static_cast<int>(blockIdx.x) / p.cluster;
    const int begin = p.work_offsets[stream];
    const int end = p.work_offsets[stream + 1];

    if (threadIdx.x < sizeof(shared.zeros) / 4) {
        reinterpret_cast<std::uint32_t*>(shared.zeros)[threadIdx.x] = 0;
    }
    start_cluster<kSmallStages>(shared, a_map, b_map, epilogue.map_of_c(), 2, kSmallWarps * p.cluster);

    const int warp = same_in_warp(static_cast<int>(threadIdx.x) / 32);
    const int warpgroup = warp / 4;
    if (warpgroup == 0) {
        ptx::give_registers<Consumer::kProducerRegisters>();
        if (warp == 0) {
            SmallProducer<Kernel>::lists(shared, p, begin, end);
        } else if (warp == 1) {
            SmallProducer<Kernel>::pieces(shared, b_map, p, begin, end, rank);
        } else {
            SmallProducer<Kernel>::units(shared, a_map, p, begin, end, rank, warp - 2);
        }
    } else {
        ptx::take_registers<Consumer::kRegisters>();
        Consumer::consume(shared, epilogue, p, begin, end, rank, warp - kWarpgroupThreads / 32);
    }
    __syncwarp();
    ptx::cluster_sync();  // no CTA ends while another may still multicast to it or arrive at its barriers
}

template <SpmmSm90SmallConfig kConfig>
constexpr auto kSpmmSm90Small =
    &spmm_sm90_small<kConfig.dtype, kConfig.c_dtype, kConfig.unit, kConfig.b_layout, kConfig.c_layout>;

template <SpmmSm90SmallConfig kConfig>
void prepare_spmm_sm90_small_instance() {
    prepare_clusters<typename SpmmSm90Small<kConfig>::SharedStorage>(kSpmmSm90Small<kConfig>);
}

template <SpmmSm90SmallConfig kConfig>
void launch_spmm_sm90_small_instance(const SpmmLaunch& launch, Stream stream) {
    using Kernel = SpmmSm90Small<kConfig>;
    using WarpEpilogue = typename Kernel::WarpEpilogue;
    const int cluster = launch.choice.cluster;
    // Where nothing is stored, values may be null: any address makes a valid map.
    const void* values = launch.nnzb > 0 ? launch.values : launch.c;
    const void* b = launch.k > 0 ? launch.b : launch.c;
    const CUtensorMap a_map = make_tensor_map(values, kConfig.dtype, launch.nnzb * launch.block_m,
                                              launch.block_k, launch.block_k, Kernel::kUnit, Kernel::kUnit);
    // Whole tiles only: the columns behind the last would be those of the next row, and boxes outside B are left out.
    const bool one_box_b = Kernel::kRowMajorB && launch.n % Kernel::kTileN == 0;
    const CUtensorMap b_map =
        one_box_b
            ? make_panel_map(b, kConfig.dtype, launch.k, launch.n, launch.ldb, kGroupStepK,
                             Kernel::kTileN / kPanelCols, launch.batch, launch.stride_b)
            : make_tensor_map(b, kConfig.dtype, kConfig.b_layout, launch.k, launch.n, launch.ldb,
                              Kernel::kRowMajorB ? kGroupStepK : small_box_lines(static_cast<int>(launch.n)),
                              Kernel::kRowMajorB ? kPanelCols : kGroupStepK, launch.batch, launch.stride_b);
    const EpilogueParams epilogue = WarpEpilogue::make_params(launch);
    const PartialSums sums(launch.part_count, launch.split_tiles, cluster * kSmallConsumers, Kernel::kTileN,
                           stream);
    const SpmmSm90SmallParams params{launch.group_rows,
                                     launch.group_stages,
                                     launch.steps,
                                     launch.stage_units,
                                     launch.units,
                                     launch.work_offsets,
                                     launch.work,
                                     launch.parts,
                                     sums.partials,
                                     sums.arrivals,
                                     static_cast<const std::uint8_t*>(values),
                                     static_cast<const std::uint16_t*>(b),
                                     launch.ldb,
                                     launch.stride_b,
                                     static_cast<int>(launch.n),
                                     static_cast<int>(launch.k),
                                     static_cast<int>(ceil_div(launch.n, Kernel::kTileN * cluster)),
                                     std::countr_zero(static_cast<unsigned>(launch.block_k / Kernel::kUnit)),
                                     cluster,
                                     one_box_b};

    launch_clusters<typename Kernel::SharedStorage>(kSpmmSm90Small<kConfig>, launch.streams, cluster,
                                                    kSmallThreads, stream, a_map, b_map, epilogue, params);
}

}  // namespace bsk
