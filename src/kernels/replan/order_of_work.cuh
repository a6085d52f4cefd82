// make_schedule (plan/schedule.h) on the device, by one CTA: the same order of work, item for item.
//
// List scheduling gives the next item to the stream that is free first, one after the other. Here many are dealt at
// once: with the streams in the order in which they are free, item i goes to stream i for as long as none of the
// streams before it is free again earlier. On the patterns tried (uniform, power-law, causal, one full row among empty
// ones) that takes 1.1 to 3.3 times as many turns as there are items for each stream.
#pragma once

#include <cstdint>

#include "kernels/replan/replan.h"

namespace bsk::order {

constexpr int kLanesOfStream = 4;  // threads that find the rank of one stream
constexpr std::uint32_t kWarp = 0xFFFFFFFF;

/// A stream and the picoseconds at which it is free: streams are taken in ascending order of it.
using Key = std::uint64_t;
constexpr int kStreamBits = 8;
static_assert(kMostDealtStreams == 1 << kStreamBits);

struct SharedStorage {
    Key keys[kMostDealtStreams];             // by stream
    Key sorted[kMostDealtStreams];           // ascending
    std::uint64_t costs[kMostDealtStreams];  // of the items that may be dealt next
    std::int32_t counts[kMostDealtStreams];  // items of each stream
    std::int32_t next;                       // the first item that is not dealt
};

__device__ inline int items_of(const DeviceSchedule& p) {
    return p.tile_rows * p.strips;
}
/// The first item of the last quarter.
__device__ inline int tail_of(const DeviceSchedule& p) {
    return items_of(p) - items_of(p) / 4;
}

/// Item (strip * tile_rows + tile row) that is dealt at `place`.
__device__ inline int item_at(const DeviceSchedule& p, int place) {
    return place < tail_of(p) ? place : p.tail[place - tail_of(p)];
}

/// Sorts the last quarter by descending cost; equal ones keep their order. Each thread takes tile rows, and counts for
/// all their items at once how many of the quarter come before: `late` rows are in its first strip too.
__device__ inline void sort_tail(const DeviceSchedule& p) {
    if (tail_of(p) == items_of(p)) {
        return;
    }
    const int first_strip = tail_of(p) / p.tile_rows;
    const int first_late_row = tail_of(p) % p.tile_rows;
    const int whole_strips = p.strips - 1 - first_strip;
    for (int row = threadIdx.x; row < p.tile_rows; row += blockDim.x) {
        const std::uint64_t cost = p.costs[row];
        int before = 0;  // items that cost more
        int equal = 0;   // rows that cost the same
        int equal_late = 0;
        int equal_before = 0;  // of those, rows before this one
        int equal_late_before = 0;
#pragma unroll 4
        for (int other = 0; other < p.tile_rows; ++other) {
            const std::uint64_t other_cost = p.costs[other];
            const int late = other >= first_late_row ? 1 : 0;
            if (other_cost > cost) {
                before += whole_strips + late;
            } else if (other_cost == cost) {
                equal += 1;
                equal_late += late;
                equal_before += other < row ? 1 : 0;
                equal_late_before += other < row ? late : 0;
            }
        }
        if (row >= first_late_row) {
            p.tail[before + equal_late_before] = first_strip * p.tile_rows + row;
        }
        for (int i = 0; i < whole_strips; ++i) {
            p.tail[before + equal_late + i * equal + equal_before] =
                (first_strip + 1 + i) * p.tile_rows + row;
        }
    }
}

/// Sorts the streams by key, and reads the costs of the items they may get.
__device__ inline void sort_streams(SharedStorage& shared, const DeviceSchedule& p) {
    const int thread = threadIdx.x;
    if (const int place = shared.next + thread; thread < p.streams && place < items_of(p)) {
        shared.costs[thread] = p.costs[item_at(p, place) % p.tile_rows];
    }
    const int stream = thread / kLanesOfStream;
    const Key key = stream < p.streams ? shared.keys[stream] : 0;
    int rank = 0;
    for (int other = thread % kLanesOfStream; other < p.streams; other += kLanesOfStream) {
        rank += shared.keys[other] < key ? 1 : 0;
    }
    rank += __shfl_xor_sync(kWarp, rank, 1);
    rank += __shfl_xor_sync(kWarp, rank, 2);
    if (stream < p.streams && thread % kLanesOfStream == 0) {
        shared.sorted[rank] = key;
    }
}

/// Deals the next items to the sorted streams, as many as list scheduling would in this order. One warp; a lane takes
/// neighbouring streams.
__device__ inline void deal(SharedStorage& shared, const DeviceSchedule& p) {
    const int lane = threadIdx.x;
    const int next = shared.next;
    const int most = min(p.streams, items_of(p) - next);
    const int streams_per_lane = (p.streams + 31) / 32;
    const int begin = min(lane * streams_per_lane, most);
    const int end = min(begin + streams_per_lane, most);
    const auto key_after = [&](int i) { return shared.sorted[i] + (shared.costs[i] << kStreamBits); };

    Key earliest = ~Key{0};  // of the streams before this lane's, once they have got their item
    for (int i = begin; i < end; ++i) {
        earliest = min(earliest, key_after(i));
    }
    for (int offset = 1; offset < 32; offset *= 2) {
        const Key other = __shfl_up_sync(kWarp, earliest, offset);
        earliest = lane >= offset ? min(earliest, other) : earliest;
    }
    earliest = __shfl_up_sync(kWarp, earliest, 1);
    earliest = lane == 0 ? ~Key{0} : earliest;
    int last = begin;
    while (last < end && shared.sorted[last] < earliest) {
        earliest = min(earliest, key_after(last));
        ++last;
    }
    const int dealt = __reduce_min_sync(kWarp, last < end ? last : most);

    for (int i = begin; i < min(end, dealt); ++i) {
        const Key key = key_after(i);
        const int stream = static_cast<int>(key % kMostDealtStreams);
        shared.keys[stream] = key;
        p.placements[next + i] = {stream, shared.counts[stream]++};
    }
    if (lane == 0) {
        shared.next = next + dealt;
    }
}

/// Writes offsets, and every item where it belongs.
__device__ inline void write_schedule(const SharedStorage& shared, const DeviceSchedule& p,
                                      std::int32_t* offsets) {
    for (int stream = threadIdx.x; stream <= p.streams; stream += blockDim.x) {
        int before = 0;
        for (int other = 0; other < stream; ++other) {
            before += shared.counts[other];
        }
        offsets[stream] = before;
        p.offsets[stream] = before;
    }
    __syncthreads();
    for (int place = threadIdx.x; place < items_of(p); place += blockDim.x) {
        const int item = item_at(p, place);
        const Placement to = p.placements[place];
        p.items[offsets[to.stream] + to.slot] = {item % p.tile_rows, item / p.tile_rows};
    }
}

__global__ void __launch_bounds__(kMostDealtStreams* kLanesOfStream) order_of_work(const DeviceSchedule p) {
    __shared__ SharedStorage shared;
    __shared__ std::int32_t offsets[kMostDealtStreams + 1];
    for (int stream = threadIdx.x; stream < p.streams; stream += blockDim.x) {
        shared.keys[stream] = static_cast<Key>(stream);
        shared.counts[stream] = 0;
    }
    if (threadIdx.x == 0) {
        shared.next = 0;
    }
    if (p.tile_rows <= kMostSortedTileRows) {
        sort_tail(p);
    } else {
        for (int place = tail_of(p) + threadIdx.x; place < items_of(p); place += blockDim.x) {
            p.tail[place - tail_of(p)] = place;
        }
    }
    __syncthreads();
    while (shared.next < items_of(p)) {
        sort_streams(shared, p);
        __syncthreads();
        if (threadIdx.x < 32) {
            deal(shared, p);
        }
        __syncthreads();
    }
    write_schedule(shared, p, offsets);
}

}  // namespace bsk::order
