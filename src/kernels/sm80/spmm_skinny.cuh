// C = activation(alpha*A*B + beta*R + bias) for few columns of B (decode, small batches), where the time is that of
// reading the stored values of A once.
//
// Split of the work: a CTA computes 16*kRowTiles rows of one block row by 8*kColumnTiles columns of C. The row's
// stored blocks, side by side, make one long k, cut into chunks of kChunkK columns of A; each warp takes an equal run
// of chunks, also where the row has few blocks. A warp has a ring of kDepth chunks of its own in shared memory,
// filled by cp.async: no warp waits for another before the end, and most of a short row is in flight at once.
// The address of a value depends on its place in the row, not on its block column: values are asked for before
// any index but the row's two offsets is known.
//
//   slot of the ring:  a [strips][16*kRowTiles][strip]  rows of A
//                      b [kChunkK][8*kColumnTiles]      B row-major: rows are k
//                        [8*kColumnTiles][kChunkK]      B col-major: rows are n
//
// A warp copies 512 bytes at a time, which takes the longer, the more pairs there are of a line of 128 bytes read and
// one written. So a chunk of 64 columns is cut into strips as wide as a block where blocks are narrower: each lies in
// shared memory in the order in which it lies in A. A chunk of 32, for wide tiles, is one strip, whose width is known
// to the compiler; where block_k is 16 its rows take two blocks.
//
// What lies past the row's last block, past k and past n is filled with zeros. The warps' partial sums are added in
// shared memory in the order of the warps.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/activation.cuh"
#include "kernels/sm80/copy.cuh"
#include "kernels/sm80/mma.cuh"
#include "kernels/sm80/run.cuh"
#include "kernels/spmm_launch.h"

namespace bsk::skinny {

template <class T_, Layout kBLayout_, int kRowTiles_, int kColumnTiles_, int kChunkK_, int kWarps_,
          int kDepth_, int kCtas_>
struct Config {
    using T = T_;
    static constexpr Layout kBLayout = kBLayout_;
    static constexpr int kRowTiles = kRowTiles_;        ///< of 16 rows of C
    static constexpr int kColumnTiles = kColumnTiles_;  ///< of 8 columns
    static constexpr int kChunkK = kChunkK_;            ///< 32 or 64
    static constexpr int kWarps = kWarps_;
    static constexpr int kDepth = kDepth_;  ///< chunks of a warp in flight
    static constexpr int kCtas = kCtas_;    ///< that share a multiprocessor

    static constexpr int kThreads = 32 * kWarps;
    static constexpr int kRows = 16 * kRowTiles;
    static constexpr int kColumns = 8 * kColumnTiles;
};

// ------------------------------------------------------------------------------------- shared memory

template <class Config>
struct Slot {
    std::uint16_t a[Config::kRows * Config::kChunkK];
    std::uint16_t b[Config::kColumns * Config::kChunkK];
};

/// The padding spreads rows over the banks.
template <class Config>
struct alignas(128) SharedStorage {
    union {
        Slot<Config> slots[Config::kWarps][Config::kDepth];
        float partial[Config::kWarps][16][Config::kColumns + 1];  // one row tile at a time
    };
};

// ---------------------------------------------------------------------------------------------- warp

/// One warp's run of chunks. Rows of B (k) are counted in 32 unsigned bits: k fits 31, its padding to whole
/// blocks may not.
template <class Config>
class Warp {
public:
    __device__ Warp(const SpmmLaunch& launch, int block_m_shift, int block_k_shift,
                    Slot<Config> (&slots)[Config::kDepth])
        : launch_(launch), slots_(slots), block_shift_(block_k_shift), narrow_shift_(min(block_k_shift, 6)) {
        const std::uint32_t first_row = blockIdx.x * Config::kRows;
        const std::uint32_t block_row = first_row >> block_m_shift;
        const int begin = launch.crow_indices[block_row];
        length_ = static_cast<std::uint32_t>(launch.crow_indices[block_row + 1] - begin) << block_shift_;
        const std::int64_t chunks = (length_ + kChunkK - 1) / kChunkK;
        const int warp = static_cast<int>(threadIdx.x) / 32;
        chunk_ = static_cast<int>(chunks * warp / Config::kWarps);
        last_ = static_cast<int>(chunks * (warp + 1) / Config::kWarps);
        blocks_ = launch.col_indices + begin;
        block_size_ = static_cast<std::uint32_t>(launch.block_m * launch.block_k);
        const std::uint32_t copy_k = copy_piece() * sm80::kChunk;
        a_ = static_cast<const std::uint16_t*>(launch.values) + product(begin, block_size_) +
             product((first_row & (launch.block_m - 1)) + copy_row(), launch.block_k) +
             product(copy_k >> block_shift_, block_size_) + (copy_k & (launch.block_k - 1));

        const std::uint32_t column = blockIdx.y * Config::kColumns + (kBRowMajor ? 0 : lane() / kPieces);
        columns_left_ = static_cast<int>(launch.n) - static_cast<int>(column);
        const std::uint16_t* const b =
            static_cast<const std::uint16_t*>(launch.b) + blockIdx.z * launch.stride_b;
        b_ = b + (kBRowMajor ? column : product(column, launch.ldb));
        b_is_aligned_ = reinterpret_cast<std::uintptr_t>(b) % 16 == 0 && launch.ldb % sm80::kChunk == 0;
    }

    __device__ void multiply() {
        std::uint32_t block_column[Config::kDepth];
#pragma unroll
        for (int i = 0; i < Config::kDepth; ++i) {
            load_a(slots_[i], chunk_ + i);
        }
#pragma unroll
        for (int i = 0; i < Config::kDepth; ++i) {
            block_column[i] = fetch_column(chunk_ + i);
        }
#pragma unroll
        for (int i = 0; i < Config::kDepth; ++i) {
            load_b(slots_[i], chunk_ + i, block_column[i]);
            sm80::cp_async_commit();
        }
        std::uint32_t next_column = fetch_column(chunk_ + Config::kDepth);
        int slot = 0;
        for (; chunk_ < last_; ++chunk_) {
            sm80::cp_async_wait<Config::kDepth - 1>();
            __syncwarp();  // every lane's copies of this chunk have landed
            multiply_slot(slots_[slot]);
            __syncwarp();  // no lane reads the slot any more
            load_a(slots_[slot], chunk_ + Config::kDepth);
            load_b(slots_[slot], chunk_ + Config::kDepth, next_column);
            sm80::cp_async_commit();
            next_column = fetch_column(chunk_ + Config::kDepth + 1);
            slot = slot == Config::kDepth - 1 ? 0 : slot + 1;
        }
        sm80::cp_async_wait<0>();
    }

    /// Writes row tile `tile` of the sums.
    __device__ void stage_sums(int tile, float (&partial)[16][Config::kColumns + 1]) const {
#pragma unroll
        for (int j = 0; j < Config::kColumnTiles; ++j) {
#pragma unroll
            for (int e = 0; e < 4; ++e) {
                partial[lane() / 4 + e / 2 * 8][8 * j + lane() % 4 * 2 + e % 2] = sum_[tile][j][e];
            }
        }
    }

private:
    static constexpr bool kBRowMajor = Config::kBLayout == Layout::row_major;
    static constexpr int kChunkK = Config::kChunkK;
    static constexpr int kPieces = kChunkK / sm80::kChunk;  ///< of 16 bytes, in a column of a slot's B
    static constexpr int kCopied = 32 * sm80::kChunk;       ///< elements that a warp copies at a time

    __device__ static int lane() {
        return static_cast<int>(threadIdx.x) % 32;
    }

    __device__ static std::uint64_t product(std::uint32_t x, std::uint32_t y) {
        return static_cast<std::uint64_t>(x) * y;
    }

    /// log2 of the columns of a strip.
    __device__ int strip_shift() const {
        return kChunkK == 32 ? 5 : narrow_shift_;
    }

    /// Row of a strip, and 16 bytes of the row, that this lane copies of the strip's first 512 bytes.
    __device__ int copy_row() const {
        return lane() * sm80::kChunk >> strip_shift();
    }
    __device__ int copy_piece() const {
        return lane() & ((1 << strip_shift()) / sm80::kChunk - 1);
    }

    /// sm80::swizzled() of a strip's width.
    __device__ int a_place(int row, int piece) const {
        if constexpr (kChunkK == 32) {
            return sm80::swizzled<kChunkK>(row, piece);
        } else {
            const int first = row << strip_shift();
            const int swaps = (1 << strip_shift()) / sm80::kChunk - 1;
            return first + (piece ^ (first >> 6 & swaps)) * sm80::kChunk;
        }
    }

    /// The first k of a chunk, and of what this lane copies of B or looks up for others, counted along the stored blocks of
    /// the row.
    __device__ static std::uint32_t first_k(int chunk) {
        return static_cast<std::uint32_t>(chunk) * kChunkK;
    }
    __device__ static std::uint32_t b_k(int chunk) {
        return first_k(chunk) + (kBRowMajor ? lane() * (kChunkK / 32) : lane() % kPieces * sm80::kChunk);
    }

    /// Block column of this lane's part of B; read ahead of its use to hide the latency.
    __device__ std::uint32_t fetch_column(int chunk) const {
        const std::uint32_t k = b_k(chunk);
        return chunk < last_ && k < length_ ? __ldg(blocks_ + (k >> block_shift_)) : 0;
    }

    __device__ void load_a(Slot<Config>& slot, int chunk) const {
        if (chunk >= last_) {
            return;
        }
        const std::uint32_t k = first_k(chunk);
        const std::uint16_t* const source =
            a_ + product(k >> block_shift_, block_size_) + (k & (launch_.block_k - 1));
        // Only a strip of a chunk of 32 can be of two blocks, one of which the row may lack.
        const std::uint32_t copy_k = kChunkK == 32 ? k + copy_piece() * sm80::kChunk : k;
#pragma unroll
        for (int i = 0; i < Config::kRows * kChunkK / kCopied; ++i) {
            const int row = i * kCopied >> strip_shift();  // and the rows that follow, all of one strip
            const int strip = row / Config::kRows;
            sm80::cp_async_16(slot.a + a_place(row + copy_row(), copy_piece()),
                              source + strip * block_size_ + row % Config::kRows * launch_.block_k,
                              copy_k + (strip << strip_shift()) < length_);
        }
    }

    __device__ void load_b(Slot<Config>& slot, int chunk, std::uint32_t block_column) const {
        if (chunk >= last_) {
            return;
        }
        if (b_is_aligned_) {
            load_b(slot, chunk, block_column, sm80::CopyAligned{});
        } else {
            load_b(slot, chunk, block_column, sm80::CopyElements{});
        }
    }

    template <class Copy>
    __device__ void load_b(Slot<Config>& slot, int chunk, std::uint32_t block_column, Copy copy) const {
        if constexpr (kBRowMajor) {
#pragma unroll
            for (int i = 0; i < Config::kColumns * kChunkK / kCopied; ++i) {
                const int row = (32 * i + lane()) / Config::kColumnTiles;
                const int column = lane() % Config::kColumnTiles * sm80::kChunk;
                const std::uint32_t k =
                    b_row(first_k(chunk) + row, __shfl_sync(0xFFFFFFFFU, block_column, row / (kChunkK / 32)));
                copy(slot.b + sm80::swizzled<Config::kColumns>(row, lane() % Config::kColumnTiles),
                     b_ + product(k, launch_.ldb) + column,
                     rows_left(k) > 0 ? min(max(columns_left_ - column, 0), sm80::kChunk) : 0);
            }
        } else {
            constexpr int kStep = 32 / kPieces;  // columns that a warp copies at a time
            const std::uint32_t k = b_row(b_k(chunk), block_column);
            const std::uint16_t* source = b_ + k;
            const int count = min(rows_left(k), sm80::kChunk);
#pragma unroll
            for (int i = 0; i < Config::kColumns / kStep; ++i) {
                copy(slot.b + sm80::swizzled<kChunkK>(kStep * i + lane() / kPieces, lane() % kPieces), source,
                     kStep * i < columns_left_ ? count : 0);
                source += product(kStep, launch_.ldb);
            }
        }
    }

    /// The row of B that belongs to this k of the block row; k of the matrix, where B ends, past the row's blocks.
    __device__ std::uint32_t b_row(std::uint32_t k, std::uint32_t block_column) const {
        return k < length_ ? block_column * launch_.block_k + (k & (launch_.block_k - 1))
                           : static_cast<std::uint32_t>(launch_.k);
    }

    /// Rows of B from `k` to its end; 0 past it.
    __device__ int rows_left(std::uint32_t k) const {
        return max(0, static_cast<int>(static_cast<std::uint32_t>(launch_.k) - k));
    }

    __device__ void multiply_slot(const Slot<Config>& slot) {
#pragma unroll
        for (int half = 0; half < kChunkK / 32; ++half) {
            sm80::Fragment b[Config::kColumnTiles];  // of k 0-7, 8-15, 16-23, 24-31
#pragma unroll
            for (int j = 0; j < Config::kColumnTiles; ++j) {
                if constexpr (kBRowMajor) {
                    b[j] = sm80::ldmatrix_trans(slot.b +
                                                sm80::swizzled<Config::kColumns>(32 * half + lane(), j));
                } else {
                    b[j] = sm80::ldmatrix(slot.b +
                                          sm80::swizzled<kChunkK>(8 * j + lane() % 8, 4 * half + lane() / 8));
                }
            }
#pragma unroll
            for (int i = 0; i < Config::kRowTiles; ++i) {
#pragma unroll
                for (int slice = 0; slice < 2; ++slice) {
                    // Rows 0-7 and 8-15 of k 0-7, then of k 8-15.
                    const sm80::Fragment a = sm80::ldmatrix(slot.a + fragment_place(i, 2 * half + slice));
#pragma unroll
                    for (int j = 0; j < Config::kColumnTiles; ++j) {
                        sm80::mma_m16n8k16<typename Config::T>(sum_[i][j], a, b[j].reg[2 * slice],
                                                               b[j].reg[2 * slice + 1]);
                    }
                }
            }
        }
    }

    /// Where this lane's row of a fragment starts: row tile `tile`, k from 16*slice on.
    __device__ int fragment_place(int tile, int slice) const {
        const int strip = 16 * slice >> strip_shift();
        const int k = 16 * slice - (strip << strip_shift());
        return a_place(strip * Config::kRows + 16 * tile + lane() % 16, k / sm80::kChunk + lane() / 16);
    }

    const SpmmLaunch& launch_;
    Slot<Config> (&slots_)[Config::kDepth];
    int block_shift_;             // log2(block_k)
    int narrow_shift_;            // the same of a block's columns, up to 64
    std::uint32_t block_size_;    // elements
    std::uint32_t length_;        // of the block row: its stored blocks' columns of A
    int chunk_;                   // that is multiplied next
    int last_;                    // one past this warp's run
    const std::int32_t* blocks_;  // block columns of the row's stored blocks
    const std::uint16_t* a_;      // what this lane copies first of the row's first stored block
    const std::uint16_t* b_;      // B at the CTA's first column, or at this lane's
    int columns_left_;            // of B from there on; not positive past its end
    bool b_is_aligned_;           // every row (column) of B starts at a multiple of 16 bytes
    float sum_[Config::kRowTiles][Config::kColumnTiles][4] = {};
};

// ------------------------------------------------------------------------------------------ epilogue

template <class C>
__device__ void store_element(const SpmmLaunch& launch, std::int64_t row, std::int64_t column, float sum) {
    const std::int64_t place =
        blockIdx.z * launch.stride_c +
        (launch.c_layout == Layout::row_major ? row * launch.ldc + column : column * launch.ldc + row);
    float x[] = {launch.alpha * sum};
    if (launch.beta != 0.0F) {
        x[0] += launch.beta * sm80::to_float(static_cast<const C*>(launch.residual)[place]);
    }
    if (launch.bias != nullptr) {
        x[0] += sm80::to_float(
            static_cast<const C*>(launch.bias)[launch.bias_axis == BiasAxis::row ? row : column]);
    }
    activate<sm80::kDType<C>>(launch.activation, x);
    sm80::round_to(static_cast<C*>(launch.c)[place], x[0]);
}

/// Adds the staged sums of a row tile in the order of the warps; neighbouring threads write neighbours in C.
template <class Config>
__device__ void store_row_tile(const SpmmLaunch& launch, const SharedStorage<Config>& shared,
                               std::int64_t first_row) {
    const std::int64_t first_column = static_cast<std::int64_t>(blockIdx.y) * Config::kColumns;
    const bool row_major = launch.c_layout == Layout::row_major;
    for (int e = threadIdx.x; e < 16 * Config::kColumns; e += Config::kThreads) {
        const int i = row_major ? e / Config::kColumns : e % 16;
        const int j = row_major ? e % Config::kColumns : e / 16;
        float sum = 0.0F;
#pragma unroll
        for (int warp = 0; warp < Config::kWarps; ++warp) {
            sum += shared.partial[warp][i][j];
        }
        const std::int64_t row = first_row + i;
        const std::int64_t column = first_column + j;
        if (row < launch.m && column < launch.n) {
            if (launch.c_dtype == DType::f32) {
                store_element<float>(launch, row, column, sum);
            } else {
                store_element<typename Config::T>(launch, row, column, sum);
            }
        }
    }
}

// ---------------------------------------------------------------------------------------- __global__

/// Grid: x, tile rows; y, tile columns; z, the products of a batch.
/// @param block_m_shift  log2(block_m)
/// @param block_k_shift  log2(block_k)
template <class Config>
__global__ void __launch_bounds__(Config::kThreads, Config::kCtas)
    spmm_skinny(const __grid_constant__ SpmmLaunch launch, int block_m_shift, int block_k_shift) {
    extern __shared__ char memory[];
    SharedStorage<Config>& shared = *reinterpret_cast<SharedStorage<Config>*>(memory);
    const int warp_index = static_cast<int>(threadIdx.x) / 32;
    Warp<Config> warp(launch, block_m_shift, block_k_shift, shared.slots[warp_index]);
    warp.multiply();
#pragma unroll
    for (int tile = 0; tile < Config::kRowTiles; ++tile) {
        __syncthreads();  // the sums overwrite the slots, or those of the tile before
        warp.stage_sums(tile, shared.partial[warp_index]);
        __syncthreads();
        store_row_tile<Config>(launch, shared,
                               static_cast<std::int64_t>(blockIdx.x) * Config::kRows + 16 * tile);
    }
}

}  // namespace bsk::skinny
