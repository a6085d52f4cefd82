#include "kernels/sm90/spmm_sm90_pairs.cuh"

namespace bsk {

template void prepare_spmm_sm90_pairs_instance<
    SpmmSm90PairsConfig{DType::bf16, DType::f32, Layout::row_major, Layout::row_major}, true>();
template void launch_spmm_sm90_pairs_instance<
    SpmmSm90PairsConfig{DType::bf16, DType::f32, Layout::row_major, Layout::row_major}, true>(
    const SpmmLaunch&, Stream);
template void prepare_spmm_sm90_pairs_instance<
    SpmmSm90PairsConfig{DType::bf16, DType::f32, Layout::row_major, Layout::col_major}, true>();
template void launch_spmm_sm90_pairs_instance<
    SpmmSm90PairsConfig{DType::bf16, DType::f32, Layout::row_major, Layout::col_major}, true>(
    const SpmmLaunch&, Stream);
template void prepare_spmm_sm90_pairs_instance<
    SpmmSm90PairsConfig{DType::bf16, DType::f32, Layout::col_major, Layout::row_major}, true>();
template void launch_spmm_sm90_pairs_instance<
    SpmmSm90PairsConfig{DType::bf16, DType::f32, Layout::col_major, Layout::row_major}, true>(
    const SpmmLaunch&, Stream);
template void prepare_spmm_sm90_pairs_instance<
    SpmmSm90PairsConfig{DType::bf16, DType::f32, Layout::col_major, Layout::col_major}, true>();
template void launch_spmm_sm90_pairs_instance<
    SpmmSm90PairsConfig{DType::bf16, DType::f32, Layout::col_major, Layout::col_major}, true>(
    const SpmmLaunch&, Stream);

}  // namespace bsk
