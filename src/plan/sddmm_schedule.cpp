#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/math.h"
#include "plan/sddmm.h"

namespace bsk {

namespace {

// What a round of parts costs beside their steps: writing partial sums, and the last to arrive reads those of all parts of its
// tile (128 KiB each). Fitted to eleven sequences of rounds on an H200 (docs/worklog/training.md).
constexpr double kPartSeconds = 10e-6;
constexpr double kSumSeconds = 4.3e-6;  // of each part

constexpr int kMostParts = 8;
constexpr int kMostSplitRounds = 4;          // beside those of whole tiles
constexpr std::int64_t kLeastPartSteps = 8;  // not less than kMostParts, so that no part is empty

/// What rounds of make_sddmm_schedule cost.
struct RoundCosts {
    std::int64_t steps;
    int streams;
    double step_seconds;
    double tile_seconds;

    [[nodiscard]] double of(int parts) const {
        return static_cast<double>(ceil_div(steps, parts)) * step_seconds + tile_seconds +
               sddmm_parts_seconds(parts);
    }
};

struct Rounds {
    std::vector<int> parts;  ///< of a tile, in each round
    double seconds = 0;
};

/// The shortest sequence of rounds for a few tiles, of at most `most` rounds more than whole tiles need.
Rounds best_rounds(std::int64_t tiles, const RoundCosts& costs, int most) {
    if (tiles == 0) {
        return {};
    }
    Rounds best;
    for (int parts = 1; parts <= kMostParts; ++parts) {
        const std::int64_t taken = std::min(tiles, static_cast<std::int64_t>(costs.streams / parts));
        const bool fits =
            parts == 1 || (ceil_div(costs.steps, parts) >= kLeastPartSteps && taken > 0 && most > 0);
        if (!fits) {
            continue;
        }
        Rounds rest = best_rounds(tiles - taken, costs, parts == 1 ? most : most - 1);
        const double seconds = costs.of(parts) + rest.seconds;
        if (best.parts.empty() || seconds < best.seconds) {
            rest.parts.insert(rest.parts.begin(), parts);
            best = {std::move(rest.parts), seconds};
        }
    }
    return best;
}

}  // namespace

double sddmm_parts_seconds(int parts) {
    return parts > 1 ? kPartSeconds + parts * kSumSeconds : 0.0;
}

Schedule make_sddmm_schedule(std::int64_t tiles, std::int64_t steps, int streams, double step_seconds,
                             double tile_seconds) {
    const RoundCosts costs{steps, streams, step_seconds, tile_seconds};
    // Before the last two rounds' worth of tiles all are whole.
    const std::int64_t whole_rounds = std::max<std::int64_t>(tiles / streams - 1, 0);
    const Rounds last = best_rounds(tiles - whole_rounds * streams, costs, kMostSplitRounds);
    std::vector<int> parts_of_rounds(static_cast<std::size_t>(whole_rounds), 1);
    parts_of_rounds.insert(parts_of_rounds.end(), last.parts.begin(), last.parts.end());

    Schedule schedule;
    schedule.makespan = static_cast<double>(whole_rounds) * costs.of(1) + last.seconds;
    std::vector<std::vector<WorkItem>> items(static_cast<std::size_t>(streams));
    std::int64_t tile = 0;
    for (const int parts : parts_of_rounds) {
        const std::int64_t count = std::min(tiles - tile, static_cast<std::int64_t>(streams / parts));
        const auto first_slot = static_cast<std::int32_t>(schedule.parts.size());
        const std::int64_t part_steps = ceil_div(steps, parts);
        for (std::int64_t i = 0; i < count * parts; ++i) {  // the parts of a tile have neighbouring slots
            const auto number = static_cast<std::int32_t>(tile + i / parts);
            const auto index = static_cast<std::int32_t>(i % parts);
            const auto slot = first_slot + static_cast<std::int32_t>(i);
            items[static_cast<std::size_t>(i)].push_back({number, 0, parts == 1 ? -1 : slot});
            if (parts > 1) {
                schedule.parts.push_back(
                    {static_cast<std::int32_t>(index * part_steps),
                     static_cast<std::int32_t>(std::min((index + 1) * part_steps, steps)), index, parts,
                     schedule.split_tiles + static_cast<std::int32_t>(i / parts), slot});
            }
        }
        schedule.split_tiles += parts == 1 ? 0 : static_cast<int>(count);
        tile += count;
    }
    schedule.offsets.assign(1, 0);
    for (const std::vector<WorkItem>& stream : items) {
        schedule.items.insert(schedule.items.end(), stream.begin(), stream.end());
        schedule.offsets.push_back(static_cast<std::int32_t>(schedule.items.size()));
    }
    return schedule;
}

}  // namespace bsk
