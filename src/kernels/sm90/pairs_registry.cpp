#include "kernels/sm90/config_space.h"
#include "kernels/sm90/pairs_config.h"
#include "kernels/sm90/spmm_sm90_pairs.h"

namespace bsk {

namespace {

template <SpmmSm90PairsConfig kConfig>
constexpr KernelInstance kInstance{&prepare_spmm_sm90_pairs_instance<kConfig>,
                                   &launch_spmm_sm90_pairs_instance<kConfig>};

template <DType kType, DType kTypeC, bool kTransposeA>
KernelInstance instance_of_layouts(const SpmmLaunch& launch) {
    constexpr Layout kRow = Layout::row_major;
    constexpr Layout kCol = Layout::col_major;
    if (launch.b_layout == kRow) {
        return launch.c_layout == kRow
                   ? kInstance<SpmmSm90PairsConfig{kType, kTypeC, kRow, kRow, kTransposeA}>
                   : kInstance<SpmmSm90PairsConfig{kType, kTypeC, kRow, kCol, kTransposeA}>;
    }
    return launch.c_layout == kRow ? kInstance<SpmmSm90PairsConfig{kType, kTypeC, kCol, kRow, kTransposeA}>
                                   : kInstance<SpmmSm90PairsConfig{kType, kTypeC, kCol, kCol, kTransposeA}>;
}

template <DType kType, DType kTypeC>
KernelInstance instance_of_operand(const SpmmLaunch& launch) {
    return launch.pair_sources == nullptr ? instance_of_layouts<kType, kTypeC, false>(launch)
                                          : instance_of_layouts<kType, kTypeC, true>(launch);
}

template <DType kType>
KernelInstance instance_of_type(const SpmmLaunch& launch) {
    return launch.c_dtype == DType::f32 ? instance_of_operand<kType, DType::f32>(launch)
                                        : instance_of_operand<kType, kType>(launch);
}

KernelInstance instance_for(const SpmmLaunch& launch) {
    return launch.dtype == DType::f16 ? instance_of_type<DType::f16>(launch)
                                      : instance_of_type<DType::bf16>(launch);
}

}  // namespace

void prepare_spmm_sm90_pairs(const SpmmLaunch& launch) {
    instance_for(launch).prepare();
}

void launch_spmm_sm90_pairs(const SpmmLaunch& launch, Stream stream) {
    instance_for(launch).launch(launch, stream);
}

}  // namespace bsk
