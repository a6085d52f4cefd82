#include "kernels/sm90/sddmm_sm90.cuh"

namespace bsk {

template void prepare_sddmm_sm90_instance<SddmmSm90Config{DType::f16, DType::f32, 32, Layout::row_major,
                                                          Layout::row_major}>();
template void launch_sddmm_sm90_instance<SddmmSm90Config{DType::f16, DType::f32, 32, Layout::row_major,
                                                         Layout::row_major}>(const SddmmLaunch&, Stream);
template void prepare_sddmm_sm90_instance<SddmmSm90Config{DType::f16, DType::f32, 32, Layout::row_major,
                                                          Layout::col_major}>();
template void launch_sddmm_sm90_instance<SddmmSm90Config{DType::f16, DType::f32, 32, Layout::row_major,
                                                         Layout::col_major}>(const SddmmLaunch&, Stream);
template void prepare_sddmm_sm90_instance<SddmmSm90Config{DType::f16, DType::f32, 32, Layout::col_major,
                                                          Layout::row_major}>();
template void launch_sddmm_sm90_instance<SddmmSm90Config{DType::f16, DType::f32, 32, Layout::col_major,
                                                         Layout::row_major}>(const SddmmLaunch&, Stream);
template void prepare_sddmm_sm90_instance<SddmmSm90Config{DType::f16, DType::f32, 32, Layout::col_major,
                                                          Layout::col_major}>();
template void launch_sddmm_sm90_instance<SddmmSm90Config{DType::f16, DType::f32, 32, Layout::col_major,
                                                         Layout::col_major}>(const SddmmLaunch&, Stream);

}  // namespace bsk
