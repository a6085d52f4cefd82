#include "kernels/sm90/spmm_sm90_small.cuh"

namespace bsk {

template void prepare_spmm_sm90_small_instance<SpmmSm90SmallConfig{DType::bf16, DType::bf16, 32,
                                                                   Layout::row_major, Layout::row_major}>();
template void launch_spmm_sm90_small_instance<SpmmSm90SmallConfig{
    DType::bf16, DType::bf16, 32, Layout::row_major, Layout::row_major}>(const SpmmLaunch&, Stream);
template void prepare_spmm_sm90_small_instance<SpmmSm90SmallConfig{DType::bf16, DType::bf16, 32,
                                                                   Layout::row_major, Layout::col_major}>();
template void launch_spmm_sm90_small_instance<SpmmSm90SmallConfig{
    DType::bf16, DType::bf16, 32, Layout::row_major, Layout::col_major}>(const SpmmLaunch&, Stream);
template void prepare_spmm_sm90_small_instance<SpmmSm90SmallConfig{DType::bf16, DType::bf16, 32,
                                                                   Layout::col_major, Layout::row_major}>();
template void launch_spmm_sm90_small_instance<SpmmSm90SmallConfig{
    DType::bf16, DType::bf16, 32, Layout::col_major, Layout::row_major}>(const SpmmLaunch&, Stream);
template void prepare_spmm_sm90_small_instance<SpmmSm90SmallConfig{DType::bf16, DType::bf16, 32,
                                                                   Layout::col_major, Layout::col_major}>();
template void launch_spmm_sm90_small_instance<SpmmSm90SmallConfig{
    DType::bf16, DType::bf16, 32, Layout::col_major, Layout::col_major}>(const SpmmLaunch&, Stream);

}  // namespace bsk
