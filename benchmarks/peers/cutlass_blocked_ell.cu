// CUTLASS's Blocked-ELL GEMM (cutlass::gemm::device::EllGemm, the kernel of its example 43): mma.sync + cp.async.
// A tile's rows belong to one row of blocks, so each block size has a tile of its own.
#include <cutlass/epilogue/thread/linear_combination.h>
#include <cutlass/gemm/device/ell_gemm.h>

#include "cutlass_gemm.h"

namespace bsk::peers {
namespace {

using RowMajor = cutlass::layout::RowMajor;

template <class Tile, class Warp, int kStages>
using EllGemm = cutlass::gemm::device::EllGemm<
    Element, RowMajor, Element, RowMajor, Element, RowMajor, float, cutlass::arch::OpClassTensorOp,
    cutlass::arch::Sm80, Tile, Warp, cutlass::gemm::GemmShape<16, 8, 16>,
    cutlass::epilogue::thread::LinearCombination<Element, kAlignment, float, float>,
    cutlass::gemm::threadblock::GemmIdentityThreadblockSwizzle<>, kStages, kAlignment, kAlignment>;

template <class Gemm>
std::unique_ptr<Peer> make(const bsk_peer_product& product, const char* tile) {
    const int m = static_cast<int>(product.m);
    const int n = static_cast<int>(product.n);
    const int k = static_cast<int>(product.k);
    const int block = static_cast<int>(product.block);
    const int stored_columns = static_cast<int>(product.count) * block;
    const typename Gemm::Arguments arguments(
        {m, n, k}, {static_cast<const Element*>(product.values), stored_columns},
        {static_cast<const Element*>(product.b), n}, {static_cast<const Element*>(product.c), n},
        {static_cast<Element*>(product.c), n}, product.indices, stored_columns, block, 0, {1.0F, 0.0F});
    return std::make_unique<GemmPeer<Gemm>>(arguments, std::string("EllGemm, tile ") + tile + ", " +
                                                           std::to_string(Gemm::kStages) +
                                                           " stages, fp32 accumulation");
}

}  // namespace

std::unique_ptr<Peer> make_peer(const std::string& format, const bsk_peer_product& product) {
    require_format(format, "blocked_ell", product);
    using cutlass::gemm::GemmShape;
    switch (product.block) {
        case 16: return make<EllGemm<GemmShape<16, 128, 32>, GemmShape<16, 64, 32>, 5>>(product, "16x128x32");
        case 32: return make<EllGemm<GemmShape<32, 128, 32>, GemmShape<32, 32, 32>, 4>>(product, "32x128x32");
        case 64: return make<EllGemm<GemmShape<64, 256, 32>, GemmShape<64, 64, 32>, 4>>(product, "64x256x32");
        default: break;
    }
    if (product.block % 128 != 0) {
        throw std::runtime_error("Block " + std::to_string(product.block) +
                                 " has no tile; expected 16, 32, 64 or a multiple of 128.");
    }
    return make<EllGemm<GemmShape<128, 256, 32>, GemmShape<64, 64, 32>, 3>>(product, "128x256x32");
}

}  // namespace bsk::peers
