#include "kernels/sm90/config_space.h"
#include "kernels/sm90/sddmm_config.h"
#include "kernels/sm90/sddmm_sm90.h"

namespace bsk {

namespace {

/// What instances/ holds.
using Space = ConfigSpace<SddmmSm90Config, 64, 32>;

constexpr auto kTable = make_table<Space>([]<SddmmSm90Config kConfig>() {
    return KernelInstance<SddmmLaunch>{&prepare_sddmm_sm90_instance<kConfig>,
                                       &launch_sddmm_sm90_instance<kConfig>};
});

const KernelInstance<SddmmLaunch>& instance_for(const SddmmLaunch& launch) {
    return kTable[Space::index_of({launch.dtype, launch.values_dtype,
                                   sddmm_unit(launch.block_m, launch.block_k), launch.d1_layout,
                                   launch.d2_layout})];
}

}  // namespace

void prepare_sddmm_sm90(const SddmmLaunch& launch) {
    instance_for(launch).prepare();
}

void launch_sddmm_sm90(const SddmmLaunch& launch, Stream stream) {
    instance_for(launch).launch(launch, stream);
}

}  // namespace bsk
