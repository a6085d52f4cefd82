#include "kernels/sm90/config.h"
#include "kernels/sm90/config_space.h"
#include "kernels/sm90/spmm_sm90.h"

namespace bsk {

namespace {

/// What instances/ holds.
using Space = ConfigSpace<SpmmSm90Config, 128, 64>;

template <bool kTransposeA>
constexpr auto kTable = make_table<Space>([]<SpmmSm90Config kConfig>() {
    return KernelInstance<SpmmLaunch>{&prepare_spmm_sm90_instance<kConfig, kTransposeA>,
                                      &launch_spmm_sm90_instance<kConfig, kTransposeA>};
});

const KernelInstance<SpmmLaunch>& instance_for(const SpmmLaunch& launch) {
    const auto& table = launch.sources == nullptr ? kTable<false> : kTable<true>;
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
