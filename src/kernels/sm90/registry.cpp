#include <array>
#include <cstddef>
#include <utility>

#include "kernels/sm90/config.h"
#include "kernels/sm90/config_space.h"
#include "kernels/sm90/spmm_sm90.h"

namespace bsk {

namespace {

/// What instances/ holds.
using Space = ConfigSpace<SpmmSm90Config, 128, 64>;

template <bool kTransposeA, std::size_t... kIndex>
constexpr std::array<KernelInstance, Space::kCount> make_table(std::index_sequence<kIndex...> /*indices*/) {
    static_assert(((Space::index_of(Space::at(kIndex)) == kIndex) && ...));
    return {{{&prepare_spmm_sm90_instance<Space::at(kIndex), kTransposeA>,
              &launch_spmm_sm90_instance<Space::at(kIndex), kTransposeA>}...}};
}

constexpr auto kTable = make_table<false>(std::make_index_sequence<Space::kCount>{});
constexpr auto kTransposedTable = make_table<true>(std::make_index_sequence<Space::kCount>{});

const KernelInstance& instance_for(const SpmmLaunch& launch) {
    const auto& table = launch.sources == nullptr ? kTable : kTransposedTable;
    return table[Space::index_of(
        {launch.dtype, launch.c_dtype, launch.choice.tile_m, launch.b_layout, launch.c_layout})];
}

}  // namespace

void prepare_spmm_sm90(const SpmmLaunch& launch) {
    instance_for(launch).prepare();
}

void launch_spmm_sm90(const SpmmLaunch& launch, Stream stream) {
    instance_for(launch).launch(launch, stream);
}

}  // namespace bsk
