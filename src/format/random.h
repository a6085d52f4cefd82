// Random numbers that are the same on every machine: SplitMix64 (Steele, Lea and Flood, "Fast splittable
// pseudorandom number generators", OOPSLA 2014; the constants of Vigna's public-domain splitmix64.c). Its
// state is a counter, so element i of a stream needs none of those before it, and threads may share a stream.
#pragma once

#include <cstdint>

namespace bsk {

constexpr std::uint64_t mix64(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

/// SplitMix64 from a given state; at(i) is its i-th output.
struct CounterRandom {
    std::uint64_t state = 0;

    [[nodiscard]] constexpr std::uint64_t at(std::uint64_t i) const {
        return mix64(state + (i + 1) * 0x9e3779b97f4a7c15U);
    }
};

/// Streams of one seed start at unrelated states.
constexpr CounterRandom random_stream(std::uint64_t seed, std::uint64_t stream_id) {
    return {mix64(mix64(seed + 1) + stream_id)};
}

/// Integers drawn one after the other from a stream.
class Random {
public:
    explicit constexpr Random(CounterRandom stream) : stream_(stream) {}

    /// Uniform in [0, bound), bound > 0. Lemire, "Fast random integer generation in an interval", 2019.
    constexpr std::uint64_t below(std::uint64_t bound) {
        const std::uint64_t threshold = (0 - bound) % bound;
        for (;;) {
            const auto product = static_cast<unsigned __int128>(stream_.at(next_++)) * bound;
            if (static_cast<std::uint64_t>(product) >= threshold) {
                return static_cast<std::uint64_t>(product >> 64);
            }
        }
    }

private:
    CounterRandom stream_;
    std::uint64_t next_ = 0;
};

/// Close to normal with mean 0 and variance 1, within +-3.47: the sum of the four 16-bit parts of `bits`,
/// minus its mean 4*(2^16 - 1)/2, times 1/sqrt(4*(2^32 - 1)/12). One rounding, so exact to the bit
/// everywhere.
constexpr float irwin_hall(std::uint64_t bits) {
    constexpr std::int32_t kMean = 131070;
    constexpr float kScale = 2.6428997921303014e-05F;
    const std::uint64_t sum =
        (bits & 0xffff) + ((bits >> 16) & 0xffff) + ((bits >> 32) & 0xffff) + (bits >> 48);
    return static_cast<float>(static_cast<std::int32_t>(sum) - kMean) * kScale;
}

}  // namespace bsk
