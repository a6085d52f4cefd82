#include "kernels/sm90/sddmm_config.h"
#include "kernels/sm90/sddmm_sm90.h"

namespace bsk {

namespace {

/// What the host knows of one instance.
struct SddmmInstance {
    void (*prepare)();
    void (*launch)(const SddmmLaunch&, Stream);
};

template <SddmmSm90Config kConfig>
constexpr SddmmInstance kInstance{&prepare_sddmm_sm90_instance<kConfig>,
                                  &launch_sddmm_sm90_instance<kConfig>};

template <DType kType, DType kTypeV, int kUnit>
SddmmInstance instance_of_layouts(const SddmmLaunch& launch) {
    constexpr Layout kRow = Layout::row_major;
    constexpr Layout kCol = Layout::col_major;
    if (launch.d1_layout == kRow) {
        return launch.d2_layout == kRow ? kInstance<SddmmSm90Config{kType, kTypeV, kUnit, kRow, kRow}>
                                        : kInstance<SddmmSm90Config{kType, kTypeV, kUnit, kRow, kCol}>;
    }
    return launch.d2_layout == kRow ? kInstance<SddmmSm90Config{kType, kTypeV, kUnit, kCol, kRow}>
                                    : kInstance<SddmmSm90Config{kType, kTypeV, kUnit, kCol, kCol}>;
}

template <DType kType, DType kTypeV>
SddmmInstance instance_of_unit(const SddmmLaunch& launch) {
    return sddmm_unit(launch.block_m, launch.block_k) == 64 ? instance_of_layouts<kType, kTypeV, 64>(launch)
                                                            : instance_of_layouts<kType, kTypeV, 32>(launch);
}

template <DType kType>
SddmmInstance instance_of_type(const SddmmLaunch& launch) {
    return launch.values_dtype == DType::f32 ? instance_of_unit<kType, DType::f32>(launch)
                                             : instance_of_unit<kType, kType>(launch);
}

SddmmInstance instance_for(const SddmmLaunch& launch) {
    return launch.dtype == DType::f16 ? instance_of_type<DType::f16>(launch)
                                      : instance_of_type<DType::bf16>(launch);
}

}  // namespace

void prepare_sddmm_sm90(const SddmmLaunch& launch) {
    instance_for(launch).prepare();
}

void launch_sddmm_sm90(const SddmmLaunch& launch, Stream stream) {
    instance_for(launch).launch(launch, stream);
}

}  // namespace bsk
