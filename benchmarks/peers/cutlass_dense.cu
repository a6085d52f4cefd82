// CUTLASS's Hopper GEMM on A expanded to dense: TMA + wgmma, persistent, cooperative, 128x256x64 tiles, clusters of 2x1.
#include <cutlass/gemm/device/gemm_universal_adapter.h>
#include <cute/tensor.hpp>
#include <cutlass/epilogue/collective/collective_builder.hpp>
#include <cutlass/gemm/collective/collective_builder.hpp>
#include <cutlass/gemm/kernel/gemm_universal.hpp>
#include <cutlass/util/packed_stride.hpp>

#include "cutlass_gemm.h"

namespace bsk::peers {
namespace {

using RowMajor = cutlass::layout::RowMajor;
using Tile = cute::Shape<cute::_128, cute::_256, cute::_64>;
using Cluster = cute::Shape<cute::_2, cute::_1, cute::_1>;

using Epilogue = typename cutlass::epilogue::collective::CollectiveBuilder<
    cutlass::arch::Sm90, cutlass::arch::OpClassTensorOp, Tile, Cluster,
    cutlass::epilogue::collective::EpilogueTileAuto, float, float, void, RowMajor, kAlignment, Element,
    RowMajor, kAlignment, cutlass::epilogue::TmaWarpSpecializedCooperative>::CollectiveOp;

using Mainloop = typename cutlass::gemm::collective::CollectiveBuilder<
    cutlass::arch::Sm90, cutlass::arch::OpClassTensorOp, Element, RowMajor, kAlignment, Element, RowMajor,
    kAlignment, float, Tile, Cluster,
    cutlass::gemm::collective::StageCountAutoCarveout<static_cast<int>(
        sizeof(typename Epilogue::SharedStorage))>,
    cutlass::gemm::KernelTmaWarpSpecializedCooperative>::CollectiveOp;

using Kernel = cutlass::gemm::kernel::GemmUniversal<cute::Shape<int, int, int>, Mainloop, Epilogue>;
using Gemm = cutlass::gemm::device::GemmUniversalAdapter<Kernel>;

}  // namespace

std::unique_ptr<Peer> make_peer(const std::string& format, const bsk_peer_product& product) {
    require_format(format, "dense", product);
    const int m = static_cast<int>(product.m);
    const int n = static_cast<int>(product.n);
    const int k = static_cast<int>(product.k);
    int device = 0;
    check(cudaGetDevice(&device), "cudaGetDevice");
    const typename Gemm::Arguments arguments{
        cutlass::gemm::GemmUniversalMode::kGemm,
        {m, n, k},
        {static_cast<const Element*>(product.values),
         cutlass::make_cute_packed_stride(typename Kernel::StrideA{}, {m, k, 1}),
         static_cast<const Element*>(product.b),
         cutlass::make_cute_packed_stride(typename Kernel::StrideB{}, {n, k, 1})},
        {{1.0F, 0.0F},
         nullptr,
         cutlass::make_cute_packed_stride(typename Kernel::StrideC{}, {m, n, 1}),
         static_cast<Element*>(product.c),
         cutlass::make_cute_packed_stride(typename Kernel::StrideD{}, {m, n, 1})},
        cutlass::KernelHardwareInfo::make_kernel_hardware_info<Kernel>(device)};
    return std::make_unique<GemmPeer<Gemm>>(arguments,
                                            "tile 128x256x64, cluster 2x1, cooperative, fp32 accumulation");
}

}  // namespace bsk::peers
