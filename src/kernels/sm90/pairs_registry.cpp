#include "kernels/sm90/config_space.h"
#include "kernels/sm90/pairs_config.h"
#include "kernels/sm90/spmm_sm90_pairs.h"

namespace bsk {

namespace {

/// What instances/ holds.
using Space = ConfigSpace<SpmmSm90PairsConfig>;

template <bool kTransposeA>
constexpr auto kTable = make_table<Space>([]<SpmmSm90PairsConfig kConfig>() {
    return KernelInstance<SpmmLaunch>{&prepare_spmm_sm90_pairs_instance<kConfig, kTransposeA>,
                                      &launch_spmm_sm90_pairs_instance<kConfig, kTransposeA>};
});

const KernelInstance<SpmmLaunch>& instance_for(const SpmmLaunch& launch) {
    const auto& table = launch.pair_sources == nullptr ? kTable<false> : kTable<true>;
    return table[Space::index_of({launch.dtype, launch.c_dtype, launch.b_layout, launch.c_layout})];
}

}  // namespace

void prepare_spmm_sm90_pairs(const SpmmLaunch& launch) {
    instance_for(launch).prepare();
}

void launch_spmm_sm90_pairs(const SpmmLaunch& launch, Stream stream) {
    instance_for(launch).launch(launch, stream);
}

}  // namespace bsk
