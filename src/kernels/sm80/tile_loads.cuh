// Loads of spmm_sm80: stored blocks of A and the rows of B that belong to them, step by step.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/sm80/copy.cuh"
#include "kernels/sm80/tile_config.cuh"
#include "kernels/spmm_launch.h"

namespace bsk::sm80 {

/// Loads the steps of one tile. A thread copies the same chunks of every step: those of its row and chunk in
/// the tiles of A and B, and those some rows further on. Rows of B (k) are counted in 32 unsigned bits: k fits 31, its
/// padding to whole blocks may not.
template <class Config>
class TileLoads {
public:
    /// @param k_shift  log2(block_k)
    __device__ TileLoads(const SpmmLaunch& launch, int k_shift, int tile_row, int first_column)
        : launch_(launch), k_shift_(k_shift), block_mask_(launch.block_k - 1) {
        const int tiles_per_block = launch.block_m / Config::kTileM;
        const int block_row = tile_row / tiles_per_block;
        const int begin = launch.crow_indices[block_row];
        blocks_ = launch.col_indices + begin;
        length_ = static_cast<std::uint32_t>(launch.crow_indices[block_row + 1] - begin) << k_shift;
        block_bytes_ = static_cast<std::uint32_t>(launch.block_m * launch.block_k * kElementBytes);
        const int row = tile_row % tiles_per_block * Config::kTileM + a_row();
        a_ = static_cast<const char*>(launch.values) + product(begin, block_bytes_) +
             product(row, launch.block_k * kElementBytes);

        line_bytes_ = static_cast<std::uint32_t>(launch.ldb * kElementBytes);  // ldb fits 31 bits
        const int column = kBRowMajor ? b_chunk() * kChunk : b_row();
        const char* b =
            static_cast<const char*>(launch.b) + blockIdx.z * launch.stride_b * std::int64_t{kElementBytes};
        b_ = b + (kBRowMajor ? product(first_column + column, kElementBytes)
                             : product(first_column + column, line_bytes_));
        columns_left_ = static_cast<int>(launch.n) - first_column - column;
        b_is_aligned_ = (reinterpret_cast<std::uintptr_t>(b) | line_bytes_) % 16 == 0;
        b_is_whole_ = b_is_aligned_ &&
                      (kBRowMajor ? launch.n - first_column >= Config::kTileN : launch.k % kChunk == 0);
        next_column_ = fetch_column(0);
    }

    __device__ int steps() const { return (length_ + Config::kTileK - 1) / Config::kTileK; }

    /// Every row (column) of B starts at a multiple of 16 bytes, and every chunk lies inside B or outside.
    __device__ bool b_is_whole() const { return b_is_whole_; }

    /// Step after step, from 0 on; zeros in the last one where the row has ended. The caller closes the group of copies.
    /// @tparam kWhole  b_is_whole()
    template <bool kWhole>
    __device__ void load(Stage<Config>& stage, int step) {
        if (step % kStepsPerFetch == 0) {
            rows_of_b_ = first_row_of_b(step / kStepsPerFetch);
            next_column_ = fetch_column(step / kStepsPerFetch + 1);
        }
        load_a(stage.a, step);
        if constexpr (kWhole) {
            load_b(stage.b, step, CopyWhole{});
        } else if (b_is_aligned_) {
            load_b(stage.b, step, CopyAligned{});
        } else {
            load_b(stage.b, step, CopyElements{});
        }
    }

private:
    static constexpr bool kBRowMajor = Config::kBLayout == Layout::row_major;
    static constexpr int kElementBytes = 2;
    static constexpr int kThreads = Config::kThreads;
    static constexpr int kStepsPerFetch = 32 / Config::kSlices;  // a slice for each lane
    static constexpr int kARowChunks = Config::kTileK / kChunk;
    static constexpr int kARows = kThreads / kARowChunks;  // that the threads copy at a time
    static constexpr int kBRow = kBRowMajor ? kPanelN : Config::kTileK;
    static constexpr int kBRowChunks = kBRow / kChunk;
    static constexpr int kBRows = kThreads / kBRowChunks;
    static_assert(kARows % 8 == 0 && kBRows % 8 == 0, "chunks of all copies of a thread are exchanged alike");
    static_assert(!kBRowMajor || kBRows % kSliceK == 0, "a thread has the same row of every slice");

    __device__ static int lane() { return static_cast<int>(threadIdx.x) % 32; }
    __device__ static int a_row() { return static_cast<int>(threadIdx.x) / kARowChunks; }
    __device__ static int a_chunk() { return static_cast<int>(threadIdx.x) % kARowChunks; }
    __device__ static int b_row() { return static_cast<int>(threadIdx.x) / kBRowChunks; }
    __device__ static int b_chunk() { return static_cast<int>(threadIdx.x) % kBRowChunks; }

    __device__ static std::uint64_t product(std::uint32_t x, std::uint32_t y) {
        return static_cast<std::uint64_t>(x) * y;
    }

    /// Columns of A before this lane's slice of a fetch, counted along the stored blocks of the row.
    __device__ static std::uint32_t fetch_k(int fetch) {
        return static_cast<std::uint32_t>(32 * fetch + lane()) * kSliceK;
    }

    /// Block column of this lane's slice; read a fetch ahead of its use to hide the latency.
    __device__ std::uint32_t fetch_column(int fetch) const {
        const std::uint32_t k = fetch_k(fetch);
        return k < length_ ? __ldg(blocks_ + (k >> k_shift_)) : 0;
    }

    /// The row of B that this lane's slice of a fetch starts at; k, where B ends, past the last slice.
    __device__ std::uint32_t first_row_of_b(int fetch) const {
        const std::uint32_t k = fetch_k(fetch);
        return k < length_ ? (next_column_ << k_shift_) + (k & block_mask_)
                           : static_cast<std::uint32_t>(launch_.k);
    }

    /// The row of B that a slice of a step starts at.
    __device__ std::uint32_t row_of_b(int step, int slice) const {
        return __shfl_sync(0xFFFFFFFFU, rows_of_b_, step % kStepsPerFetch * Config::kSlices + slice);
    }

    __device__ void load_a(std::uint16_t* a, int step) const {
        constexpr int kChunks = Config::kTileM * kARowChunks;
        const std::uint32_t k = static_cast<std::uint32_t>(step) * Config::kTileK + a_chunk() * kChunk;
        const char* source = a_ + (product(k >> k_shift_, block_bytes_) + (k & block_mask_) * kElementBytes);
        std::uint16_t* target = a + swizzled<Config::kTileK>(a_row(), a_chunk());
#pragma unroll
        for (int i = 0; i * kThreads < kChunks; ++i) {
            if (kChunks >= kThreads || threadIdx.x < kChunks) {
                cp_async_16(target + i * kThreads * kChunk,
                            source + product(launch_.block_k, i * kARows * kElementBytes), k < length_);
            }
        }
    }

    template <class Copy>
    __device__ void load_b(std::uint16_t* b, int step, Copy copy) const {
        constexpr bool kWhole = std::is_same_v<Copy, CopyWhole>;
        constexpr int kUnroll = kWhole ? 16 : 1;  // the other copies are rare, and large
        const std::uint32_t k_end = static_cast<std::uint32_t>(launch_.k);
        std::uint16_t* target = b + swizzled<kBRow>(b_row(), b_chunk());
        if constexpr (kBRowMajor) {
#pragma unroll
            for (int s = 0; s < Config::kTileK / kBRows; ++s) {
                const int row = b_row() + s * kBRows;
                const std::uint32_t k = row_of_b(step, row / kSliceK) + row % kSliceK;
                const char* source = b_ + product(k, line_bytes_);
#pragma unroll kUnroll
                for (int panel = 0; panel < Config::kTileN / kPanelN; ++panel) {
                    const int columns =
                        kWhole ? kChunk : max(0, min(columns_left_ - panel * kPanelN, kChunk));
                    copy(target + (panel * Config::kTileK + s * kBRows) * kPanelN,
                         reinterpret_cast<const std::uint16_t*>(source) + panel * kPanelN,
                         k < k_end ? columns : 0);
                }
            }
        } else {
            const std::uint32_t k = row_of_b(step, b_chunk() / 2) + b_chunk() % 2 * kChunk;
            const char* source = b_ + product(k, kElementBytes);
            const int rows = k < k_end ? min(k_end - k, kChunk) : 0;
#pragma unroll kUnroll
            for (int i = 0; i < Config::kTileN; i += kBRows) {
                copy(target + i * Config::kTileK,
                     reinterpret_cast<const std::uint16_t*>(source + product(line_bytes_, i)),
                     i < columns_left_ ? rows : 0);
            }
        }
    }

    const SpmmLaunch& launch_;
    int k_shift_;
    std::uint32_t block_mask_;    // block_k - 1
    std::uint32_t block_bytes_;   // of a stored block
    std::uint32_t length_;        // of the block row: its stored blocks' columns of A
    const std::int32_t* blocks_;  // block columns of the row's stored blocks
    const char* a_;               // this thread's first row in the row's first stored block
    const char* b_;               // B at this thread's first column
    std::uint32_t line_bytes_;    // from one row (column) of B to the next
    int columns_left_;            // of B from this thread's first on; not positive past its end
    bool b_is_aligned_;           // every row (column) of B starts at a multiple of 16 bytes
    bool b_is_whole_;
    std::uint32_t rows_of_b_;    // where this lane's slice of the fetch begins
    std::uint32_t next_column_;  // block column of this lane's slice of the next fetch
};

}  // namespace bsk::sm80
