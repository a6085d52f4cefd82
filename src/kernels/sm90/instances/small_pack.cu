// Packs the values of A for spmm_sm90_small (packed_units.h). Bound by memory: reads and writes every value once.
#include "base/cuda.h"
#include "base/math.h"
#include "kernels/sm90/packed_units.h"
#include "kernels/sm90/spmm_sm90_small.h"

namespace bsk {

namespace {

constexpr int kThreads = 256;
constexpr int kPieces = 4;  // of 16 bytes a thread copies, so that their loads overlap

/// values: [nnzb * block_m, block_k]; `units` as in UnionLists.
template <int kUnit>
__global__ void __launch_bounds__(kThreads)
    pack_units(const std::uint8_t* values, std::int64_t row_bytes, int units_per_row,
               const std::int32_t* units, std::uint8_t* packed, std::int64_t pieces) {
    constexpr int kRowPieces = kUnit / 8;
    constexpr int kUnitPieces = kUnit * kRowPieces;
#pragma unroll
    for (int i = 0; i < kPieces; ++i) {
        const std::int64_t at = (blockIdx.x * std::int64_t{kPieces} + i) * kThreads + threadIdx.x;
        if (at >= pieces) {
            return;
        }
        const int row = static_cast<int>(at % kUnitPieces) / kRowPieces;
        const int piece = static_cast<int>(at % kRowPieces);
        const int unit = __ldg(units + at / kUnitPieces);
        const std::int64_t from_row = static_cast<std::int64_t>(unit / units_per_row) * kUnit + row;
        const std::int64_t from = from_row * row_bytes + unit % units_per_row * (kUnit * 2) + piece * 16;
        const std::int64_t to = at / kUnitPieces * unit_bytes(kUnit) + packed_piece_offset(kUnit, row, piece);
        *reinterpret_cast<uint4*>(packed + to) = __ldg(reinterpret_cast<const uint4*>(values + from));
    }
}

}  // namespace

void pack_spmm_sm90_small(const SpmmLaunch& launch, void* packed, Stream stream) {
    const int unit = unit_of(launch.block_m, launch.block_k);
    const std::int64_t pieces = launch.nnzb * launch.block_m * launch.block_k / 8;
    const auto blocks = static_cast<unsigned>(ceil_div(pieces, kThreads * kPieces));
    const auto kernel = unit == 32 ? &pack_units<32> : &pack_units<16>;
    kernel<<<blocks, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(
        static_cast<const std::uint8_t*>(launch.values), std::int64_t{2} * launch.block_k,
        launch.block_k / unit, launch.units, static_cast<std::uint8_t*>(packed), pieces);
    check_cuda(cudaGetLastError(), "Launch of pack_units");
}

}  // namespace bsk
