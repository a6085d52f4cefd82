#include "kernels/sm90/config_space.h"
#include "kernels/sm90/small_config.h"
#include "kernels/sm90/spmm_sm90_small.h"

namespace bsk {

namespace {

/// What instances/ holds.
using Space = ConfigSpace<SpmmSm90SmallConfig, 32, 16>;

constexpr auto kTable = make_table<Space>([]<SpmmSm90SmallConfig kConfig>() {
    return KernelInstance<SpmmLaunch>{&prepare_spmm_sm90_small_instance<kConfig>,
                                      &launch_spmm_sm90_small_instance<kConfig>};
});

const KernelInstance<SpmmLaunch>& instance_for(const SpmmLaunch& launch) {
    return kTable[Space::index_of({launch.dtype, launch.c_dtype, unit_of(launch.block_m, launch.block_k),
                                   launch.b_layout, launch.c_layout})];
}

}  // namespace

void prepare_spmm_sm90_small(const SpmmLaunch& launch) {
    instance_for(launch).prepare();
}

void launch_spmm_sm90_small(const SpmmLaunch& launch, Stream stream) {
    instance_for(launch).launch(launch, stream);
}

}  // namespace bsk
