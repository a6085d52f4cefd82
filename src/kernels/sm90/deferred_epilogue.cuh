// The epilogue of a tile with 16-bit C whose stores run under the next tile's wgmma: hold() rounds the results, which frees
// the accumulators at once, and flush_under() and flush() store them.
#pragma once

#include <cstdint>

#include <bsk/types.h>

#include "base/math.h"
#include "kernels/activation.cuh"
#include "kernels/sm90/epilogue.cuh"

namespace bsk {

/// Of 64 x kWidth accumulators.
template <DType kTypeC, Layout kLayoutC, int kWidth>
class DeferredEpilogue : public WgmmaEpilogue<kTypeC, kLayoutC, 2, kWidth> {
    using Base = WgmmaEpilogue<kTypeC, kLayoutC, 2, kWidth>;
    using typename Base::ChunkC;
    static_assert(!ChunkC::kWide);

public:
    using Base::Base;
    /// Chunks, and the biases of a tile's columns in fp32; whole KiB, as TMA's swizzle counts from there.
    static constexpr int kStagingBytes = Base::kStagingBytes + round_up(kWidth * 4, 1024);

    /// Fetches the biases of the tile at {row, col}: those of its rows to registers, those of its columns to shared memory.
    /// Called before hold(), where the tile's last wgmma hide how long it takes.
    __device__ void load_bias(int row, int col) {
        load_row_bias(row);
        if (p_.column_bias == nullptr) {
            return;
        }
        const int thread = static_cast<int>(threadIdx.x) % kWarpgroupThreads;
        float bias[kWidth / kWarpgroupThreads];
#pragma unroll
        for (int i = 0; i < kWidth / kWarpgroupThreads; ++i) {
            bias[i] = column_bias(col + i * kWarpgroupThreads + thread);
        }
        ptx::named_barrier_sync(barrier_id_, kWarpgroupThreads);  // hold() has read those before
#pragma unroll
        for (int i = 0; i < kWidth / kWarpgroupThreads; ++i) {
            column_biases()[i * kWarpgroupThreads + thread] = bias[i];
        }
        ptx::named_barrier_sync(barrier_id_, kWarpgroupThreads);
    }

    /// Rounds alpha*acc plus the biases (load_bias) to C's type and keeps it, after the activation where no residual is
    /// added.
    __device__ void hold(float (&acc)[kWidth / 2], int row, int col, int batch) {
        at_ = make_int2(row, col);
        batch_ = batch;
        chunk_ = 0;
        end_ = min((p_.columns - col + kChunkN - 1) / kChunkN, kChunks);
        if (!p_.is_plain) [[unlikely]] {
            if (p_.column_bias != nullptr) {
                scale_with_column_bias(acc);
            } else if (p_.alpha != 1.0F || p_.row_bias != nullptr) {
                scale(acc);
            }
            if (loads_residual()) {
                load_first(at_, batch, end_);
            } else {
                activate<kTypeC>(p_.activation, acc);
            }
        }
#pragma unroll
        for (int i = 0; i < kWidth / 4; ++i) {
            held_[i] = pack<kTypeC>(acc[2 * i], acc[2 * i + 1]);
        }
    }

    /// Stores what hold() kept, when the wgmma of step `step` of `steps` of a mainloop are queued: all at once under the
    /// first, but with a residual, which takes its time to arrive, a chunk a step from the third on, or from where the
    /// steps just suffice.
    __device__ void flush_under(int step, int steps) {
        if (chunk_ >= end_) {  // first, as at most steps: whatever is done between wgmma costs time
            return;
        }
        if (!loads_residual() && p_.c == nullptr) {
            flush_plain();
            return;
        }
        if (loads_residual() && step < min(kResidualSteps, steps - 1)) {
            return;
        }
        const int count = loads_residual() ? max(1, end_ - chunk_ - (steps - step) + 1) : end_;
#pragma unroll 1
        for (int i = 0; i < count && chunk_ < end_; ++i) {
            flush_chunk();
        }
    }

    /// Stores all that is left of it.
    __device__ void flush() {
        flush_under(0, 0);
    }

private:
    using Base::barrier_id_;
    using Base::buffer;
    using Base::close_by_tma;
    using Base::close_chunk;
    using Base::column_bias;
    using Base::finish;
    using Base::kChunkN;
    using Base::kChunks;
    using Base::load_first;
    using Base::load_row_bias;
    using Base::loads_residual;
    using Base::open_chunk;
    using Base::p_;
    using Base::scale;
    using Base::staging_;
    /// Steps of a mainloop that the first chunk of R may take to arrive.
    static constexpr int kResidualSteps = 2;

    __device__ float* column_biases() const {
        return reinterpret_cast<float*>(staging_ + Base::kStagingBytes);
    }

    __device__ void scale_with_column_bias(float (&acc)[kWidth / 2]) const {
        const float* own = column_biases() + threadIdx.x % 4 * 2;
#pragma unroll
        for (int group = 0; group < kWidth / 8; ++group) {
            const float2 bias = *reinterpret_cast<const float2*>(own + group * 8);
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                float& x = acc[4 * group + i];
                x = p_.alpha * x + (i % 2 == 0 ? bias.x : bias.y);
            }
        }
    }

    __device__ void flush_plain() {
#pragma unroll
        for (int chunk = 0; chunk < kChunks; ++chunk) {
            if (chunk >= end_) {
                continue;
            }
            open_chunk(at_, batch_, chunk, kChunks);
#pragma unroll
            for (int group = 0; group < kChunkN / 8; group += 2) {
                const int first = 2 * (chunk * (kChunkN / 8) + group);
                ChunkC::put_pairs(buffer(), group,
                                  {held_[first], held_[first + 1], held_[first + 2], held_[first + 3]});
            }
            close_by_tma(at_, batch_, chunk);
        }
        chunk_ = end_;
    }

    /// The next chunk, with its residual where there is one.
    __device__ void flush_chunk() {
        open_chunk(at_, batch_, chunk_, end_);
        const bool adds_only =
            loads_residual() && p_.activation == Activation::none && is_exact<kTypeC>(p_.beta);
#pragma unroll
        for (int group = 0; group < kChunkN / 8; group += 2) {
            if (adds_only) {
                ChunkC::add_pairs(buffer(), group, pack<kTypeC>(p_.beta, p_.beta), held_ + 2 * group);
                continue;
            }
            if (!loads_residual()) {
                ChunkC::put_pairs(
                    buffer(), group,
                    {held_[2 * group], held_[2 * group + 1], held_[2 * group + 2], held_[2 * group + 3]});
                continue;
            }
            float x[8];
#pragma unroll
            for (int q = 0; q < 4; ++q) {
                const float2 pair = unpack<kTypeC>(held_[2 * group + q]);
                x[2 * q] = pair.x;
                x[2 * q + 1] = pair.y;
            }
            finish(x, group);
        }
        Base::template move_down<kWidth / 4 / kChunks>(held_);
        close_chunk(at_, batch_, chunk_);
        ++chunk_;
    }

    std::uint32_t
        held_[kWidth / 4];  ///< pairs of columns in the order of the accumulators, from chunk chunk_ on
    int2 at_ = {};          ///< where the tile lies in C
    int batch_ = 0;
    int chunk_ = 0;  ///< the next to be stored
    int end_ = 0;    ///< chunks of the tile that lie in C
};

}  // namespace bsk
