// make_schedule (plan/schedule.h) on the device, by one CTA: the same order of work, item for item.
//
// List scheduling gives the next item to the stream that is free first, one after the other. Here many are dealt at
// once: with the streams in the order in which they are free, item i goes to stream i for as long as none of the
// streams before it is free again earlier. On the patterns tried (uniform, power-law, causal, one full row among empty
// ones) that takes 1.1 to 2.8 times as many turns as there are items for each stream.
#pragma once

#include <cstdint>

#include "kernels/replan/replan.h"
#include "kernels/replan/scan.cuh"

namespace bsk::order {

constexpr std::uint32_t kWarp = 0xFFFFFFFF;

/// A stream and, in the upper bits, the ticks after which it is free: streams are taken in ascending order of it.
using Key = std::uint32_t;
constexpr int kStreamBits = 8;
static_assert(kMostDealtStreams < 1 << kStreamBits);
static_assert(static_cast<std::uint64_t>(kTotalTicks) << kStreamBits <= std::uint64_t{1} << 31);
constexpr Key kNever = ~Key{0};  // the key of no stream, as 255 streams are the most

constexpr int kLanesOfStream = 4;  // threads that find the rank of one stream
constexpr int kCostsAhead = 512;   // items whose costs are at hand: twice as many as streams, and more
static_assert(kCostsAhead > 2 * kMostDealtStreams);

/// The streams, of which lane i of a warp takes kStreamsOfLane from i * kStreamsOfLane on.
template <int kStreamsOfLane>
struct Streams {
    static constexpr int kCount = 32 * kStreamsOfLane;  ///< those that are none included
    static constexpr int kThreads = kCount * kLanesOfStream;

    alignas(16) Key keys[kCount];  // by stream; kNever behind the last
    Key sorted[kCount];            // ascending
    std::int32_t counts[kCount];   // items of each stream
    std::int32_t offsets[kCount + 1];
    std::uint32_t costs[kCostsAhead];  // ring: of the items that are dealt next
    std::int32_t tail;                 // the first item of those that go longest first
    std::int32_t next;                 // the first item that is not dealt
};

__device__ inline int items_of(const DeviceSchedule& p) {
    return p.tile_rows * p.strips;
}

/// Item (strip * tile_rows + rank of the tile row) that is dealt at `place`.
__device__ inline int item_at(const DeviceSchedule& p, int tail, int place) {
    return place < tail ? place : p.tail[place - tail];
}

/// Costs of spmm_sm90's tile rows. Those of spmm_sm90_small come from its lists.
template <int kThreads>
__device__ inline void price_rows(const ReplanLaunch& launch) {
    const DeviceSchedule& p = launch.schedule;
    for (int row = threadIdx.x; row < p.tile_rows; row += kThreads) {
        const int block_row = row / p.tiles_per_block;
        const int blocks = launch.crow_indices[block_row + 1] - launch.crow_indices[block_row];
        p.costs[row] = static_cast<std::uint32_t>((p.ticks.fixed + blocks * p.ticks.unit) >> kTickBits);
    }
}

/// The first item of the tail, as tail_items() of plan/schedule.h cuts it.
template <int kThreads>
__device__ inline int first_of_tail(const DeviceSchedule& p) {
    std::int32_t sum = 0;
    std::int32_t most = 0;
    for (int row = threadIdx.x; row < p.tile_rows; row += kThreads) {
        const auto cost = static_cast<std::int32_t>(p.costs[row]);
        sum += cost;
        most = max(most, cost);
    }
    std::int32_t total = 0;  // of one strip
    std::int32_t longest = 0;
    inclusive_prefix<Sum, kThreads>(sum, total);
    inclusive_prefix<Maximum, kThreads>(most, longest);
    const std::int64_t of_longest = total > 0 ? std::int64_t{longest} * p.tile_rows * p.streams / total : 0;
    const std::int64_t wanted = max(std::int64_t{2} * p.streams, of_longest);
    return items_of(p) - static_cast<int>(min(wanted, std::int64_t{p.most_tail_items}));
}

/// Ranks the tile rows by descending cost, equal ones in natural order, and sorts the items from `tail` on in the same way. Each
/// thread takes tile rows: from how many rows cost more and how many the same follow the places of all their items.
template <int kThreads>
__device__ inline void rank_rows(const DeviceSchedule& p, int tail) {
    const int first_strip = tail / p.tile_rows;
    const int first_rank = tail % p.tile_rows;  // of the tail's first strip, which may lack its first rows
    const int whole_strips = p.strips - 1 - first_strip;
    for (int row = threadIdx.x; row < p.tile_rows; row += kThreads) {
        const std::uint32_t cost = p.costs[row];
        int more = 0;    // rows that cost more
        int equal = 0;   // rows that cost the same
        int before = 0;  // of those, rows before this one
#pragma unroll 8
        for (int other = 0; other < p.tile_rows; ++other) {
            const std::uint32_t other_cost = p.costs[other];
            const int same = other_cost == cost ? 1 : 0;
            more += other_cost > cost ? 1 : 0;
            equal += same;
            before += other < row ? same : 0;
        }
        const int rank = more + before;
        p.ranked_rows[rank] = row;
        p.ranked_costs[rank] = cost;
        const int first_equal = max(more, first_rank);  // in the first strip
        const int longer = whole_strips * more + max(more - first_rank, 0);
        if (rank >= first_rank) {
            p.tail[longer + rank - first_equal] = first_strip * p.tile_rows + rank;
        }
        const int equal_first = max(more + equal - first_equal, 0);
        for (int i = 0; i < whole_strips; ++i) {
            p.tail[longer + equal_first + i * equal + before] = (first_strip + 1 + i) * p.tile_rows + rank;
        }
    }
}

/// The same for more tile rows than are sorted: all in natural order.
template <int kThreads>
__device__ inline void keep_order(const DeviceSchedule& p, int tail) {
    for (int row = threadIdx.x; row < p.tile_rows; row += kThreads) {
        p.ranked_rows[row] = row;
        p.ranked_costs[row] = p.costs[row];
    }
    for (int item = tail + static_cast<int>(threadIdx.x); item < items_of(p); item += kThreads) {
        p.tail[item - tail] = item;
    }
}

/// Reads the costs of the items [first, last) into the ring, by the threads from `first_thread` on.
template <class Shared>
__device__ inline void read_costs(Shared& shared, const DeviceSchedule& p, int first, int last,
                                  int first_thread) {
    const int threads = Shared::kThreads - first_thread;
    const int thread = static_cast<int>(threadIdx.x) - first_thread;
    for (int place = first + thread; thread >= 0 && place < last; place += threads) {
        shared.costs[place % kCostsAhead] = p.ranked_costs[item_at(p, shared.tail, place) % p.tile_rows];
    }
}

/// Sorts the streams by key.
template <class Shared>
__device__ void sort_streams(Shared& shared) {
    const Key key = shared.keys[threadIdx.x / kLanesOfStream];
    int rank = 0;
#pragma unroll
    for (int i = 0; i < Shared::kCount / 4 / kLanesOfStream; ++i) {
        const uint4 others =
            reinterpret_cast<const uint4*>(shared.keys)[i * kLanesOfStream + threadIdx.x % kLanesOfStream];
        rank += (others.x < key ? 1 : 0) + (others.y < key ? 1 : 0);
        rank += (others.z < key ? 1 : 0) + (others.w < key ? 1 : 0);
    }
    rank += __shfl_xor_sync(kWarp, rank, 1);
    rank += __shfl_xor_sync(kWarp, rank, 2);
    if (threadIdx.x % kLanesOfStream == 0) {
        shared.sorted[rank] = key;  // those that are no streams share a rank behind the last
    }
}

/// Deals items from `next` on to the sorted streams, as many as list scheduling would in this order. One warp.
template <int kStreamsOfLane>
__device__ void deal(Streams<kStreamsOfLane>& shared, const DeviceSchedule& p, int next) {
    const int lane = threadIdx.x;
    const int begin = lane * kStreamsOfLane;
    const int most = min(p.streams, items_of(p) - next);
    Key keys[kStreamsOfLane];
    Key after[kStreamsOfLane];  // once the stream has got its item
    std::int32_t counts[kStreamsOfLane];
#pragma unroll
    for (int i = 0; i < kStreamsOfLane; ++i) {
        keys[i] = shared.sorted[begin + i];
        const std::uint32_t cost = shared.costs[(next + begin + i) % kCostsAhead];
        after[i] = begin + i < most ? keys[i] + (cost << kStreamBits) : kNever;
    }
    Key earliest = kNever;  // at which a stream before is free again
#pragma unroll
    for (int i = 0; i < kStreamsOfLane; ++i) {
        earliest = min(earliest, after[i]);
        counts[i] = shared.counts[begin + i < most ? keys[i] % (1 << kStreamBits) : 0];
    }
#pragma unroll
    for (int offset = 1; offset < 32; offset *= 2) {
        const Key other = __shfl_up_sync(kWarp, earliest, offset);
        earliest = lane >= offset ? min(earliest, other) : earliest;
    }
    earliest = __shfl_up_sync(kWarp, earliest, 1);
    earliest = lane == 0 ? kNever : earliest;
    int dealt = most;  // up to the first stream that another one is free before
#pragma unroll
    for (int i = 0; i < kStreamsOfLane; ++i) {
        dealt = keys[i] < earliest ? dealt : min(dealt, begin + i);
        earliest = min(earliest, after[i]);
    }
    dealt = __reduce_min_sync(kWarp, dealt);
#pragma unroll
    for (int i = 0; i < kStreamsOfLane; ++i) {
        if (begin + i < dealt) {
            const auto stream = static_cast<std::int32_t>(keys[i] % (1 << kStreamBits));
            shared.keys[stream] = after[i];
            shared.counts[stream] = counts[i] + 1;
            p.placements[next + begin + i] = {stream, counts[i]};
        }
    }
    if (lane == 0) {
        shared.next = next + dealt;
    }
}

/// Writes offsets, and every item where it belongs.
template <class Shared>
__device__ void write_schedule(Shared& shared, const DeviceSchedule& p) {
    const int thread = threadIdx.x;
    const int count = thread < p.streams ? shared.counts[thread] : 0;
    std::int32_t all = 0;
    const int end = inclusive_prefix<Sum, Shared::kThreads>(count, all);
    if (thread <= p.streams) {
        shared.offsets[thread] = end - count;
        p.offsets[thread] = end - count;
    }
    __syncthreads();
#pragma unroll 4
    for (int place = thread; place < items_of(p); place += Shared::kThreads) {
        const int item = item_at(p, shared.tail, place);
        const Placement to = p.placements[place];
        p.items[shared.offsets[to.stream] + to.slot] = {p.ranked_rows[item % p.tile_rows],
                                                        item / p.tile_rows};
    }
}

/// The first Streams::kThreads threads of a CTA; all others have ended.
template <int kStreamsOfLane>
__device__ void order_of_work(const ReplanLaunch& launch) {
    constexpr int kThreads = Streams<kStreamsOfLane>::kThreads;
    __shared__ Streams<kStreamsOfLane> shared;
    const DeviceSchedule& p = launch.schedule;
    const int thread = threadIdx.x;
    if (thread < shared.kCount) {
        shared.keys[thread] = thread < p.streams ? static_cast<Key>(thread) : kNever;
        shared.sorted[thread] = kNever;
        shared.counts[thread] = 0;
    }
    if (launch.lists.unit == 0) {
        price_rows<kThreads>(launch);
        __syncthreads();
    }
    const int tail = first_of_tail<kThreads>(p);
    if (thread == 0) {
        shared.tail = tail;
    }
    if (p.tile_rows <= kMostSortedTileRows) {
        rank_rows<kThreads>(p, tail);
    } else {
        keep_order<kThreads>(p, tail);
    }
    __syncthreads();
    int read = min(2 * p.streams, items_of(p));
    read_costs(shared, p, 0, read, 0);
    __syncthreads();
    for (int next = 0; next < items_of(p); next = shared.next) {
        sort_streams(shared);
        __syncthreads();
        if (thread < 32) {
            deal(shared, p, next);
        }
        // The others read on, so that the ring holds what any number of dealt items leaves to deal next.
        const int ahead = min(next + 2 * p.streams, items_of(p));
        read_costs(shared, p, read, ahead, 32);
        read = ahead;
        __syncthreads();
    }
    write_schedule(shared, p);
}

}  // namespace bsk::order
