// CUTLASS's Hopper GEMM with 2:4 structured sparsity (the kernel of its example 62), on A compressed once.
#include <cutlass/gemm/device/gemm_universal_adapter.h>
#include <cute/tensor.hpp>
#include <cutlass/epilogue/collective/collective_builder.hpp>
#include <cutlass/gemm/collective/collective_builder.hpp>
#include <cutlass/gemm/kernel/gemm_universal.hpp>
#include <cutlass/transform/device/transform_universal_adapter.hpp>
#include <cutlass/transform/kernel/sparse_gemm_compressor.hpp>
#include <cutlass/util/packed_stride.hpp>

#include "cutlass_gemm.h"

namespace bsk::peers {
namespace {

using RowMajor = cutlass::layout::RowMajor;
using Problem = cute::Shape<int, int, int, int>;
using Tile = cute::Shape<cute::_128, cute::_256, cute::_128>;
using Cluster = cute::Shape<cute::_2, cute::_1, cute::_1>;

using Epilogue = typename cutlass::epilogue::collective::CollectiveBuilder<
    cutlass::arch::Sm90, cutlass::arch::OpClassSparseTensorOp, Tile, Cluster,
    cutlass::epilogue::collective::EpilogueTileAuto, float, float, void, RowMajor, kAlignment, Element,
    RowMajor, kAlignment, cutlass::epilogue::TmaWarpSpecializedCooperative>::CollectiveOp;

using Mainloop = typename cutlass::gemm::collective::CollectiveBuilder<
    cutlass::arch::Sm90, cutlass::arch::OpClassSparseTensorOp, Element, RowMajor, 2 * kAlignment, Element,
    RowMajor, kAlignment, float, Tile, Cluster,
    cutlass::gemm::collective::StageCountAutoCarveout<static_cast<int>(
        sizeof(typename Epilogue::SharedStorage))>,
    cutlass::gemm::KernelTmaWarpSpecializedCooperative>::CollectiveOp;

using Kernel = cutlass::gemm::kernel::GemmUniversal<Problem, Mainloop, Epilogue>;
using Gemm = cutlass::gemm::device::GemmUniversalAdapter<Kernel>;
using Config = typename Mainloop::SparseConfig;
using Utility =
    cutlass::transform::kernel::StructuredSparseCompressorUtility<Problem, Element, RowMajor, Config>;
using Compressor = cutlass::transform::device::TransformUniversalAdapter<
    cutlass::transform::kernel::StructuredSparseCompressor<Problem, Element, RowMajor, Config,
                                                           cutlass::arch::Sm90>>;
using StrideA = cutlass::gemm::TagToStrideA_t<RowMajor>;

/// A's nonzeros and the metadata that says where they were.
class Compressed {
public:
    Compressed(const Problem& problem, const void* values, const cutlass::KernelHardwareInfo& hardware)
        : stride_(
              cutlass::make_cute_packed_stride(StrideA{}, {cute::get<0>(problem), cute::get<2>(problem), 1})),
          utility_(problem, stride_),
          values_(compressed_bytes(utility_)),
          metadata_(utility_.get_tensor_E_bytes()) {
        const typename Compressor::Arguments arguments{
            problem,
            {static_cast<const Element*>(values), stride_, values_.get(), metadata_.get()},
            {hardware}};
        const DeviceMemory workspace(Compressor::get_workspace_size(arguments));
        Compressor compressor;
        check(compressor.can_implement(arguments), "can_implement of the compressor");
        check(compressor.initialize(arguments, workspace.get()), "initialize of the compressor");
        check(compressor.run(), "run of the compressor");
        check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    }
    [[nodiscard]] const auto* values() const {
        return static_cast<const typename Gemm::ElementA*>(values_.get());
    }
    [[nodiscard]] const auto* metadata() const {
        return static_cast<const typename Mainloop::ElementE*>(metadata_.get());
    }

private:
    /// The utility's own get_compressed_tensor_A_bytes() counts bits in an int, which 16384 x 16384 overflows.
    [[nodiscard]] static std::size_t compressed_bytes(const Utility& utility) {
        return sizeof(Element) * static_cast<std::size_t>(utility.get_tensorA_m_physical()) *
               static_cast<std::size_t>(utility.get_tensorA_k_physical());
    }

    StrideA stride_;
    Utility utility_;
    DeviceMemory values_;
    DeviceMemory metadata_;
};

class TwoToFourPeer final : public Peer {
public:
    TwoToFourPeer(const Problem& problem, const bsk_peer_product& product,
                  const cutlass::KernelHardwareInfo& hardware)
        : a_(problem, product.values, hardware),
          gemm_(arguments(problem, product, hardware),
                "2:4, tile 128x256x128, cluster 2x1, cooperative, fp32 accumulation") {}
    void launch(cudaStream_t stream) override { gemm_.launch(stream); }
    [[nodiscard]] std::string settings() const override { return gemm_.settings(); }

private:
    [[nodiscard]] typename Gemm::Arguments arguments(const Problem& problem, const bsk_peer_product& product,
                                                     const cutlass::KernelHardwareInfo& hardware) const {
        const auto [m, n, k, batch] = problem;
        return {cutlass::gemm::GemmUniversalMode::kGemm,
                problem,
                {a_.values(), Config::fill_layoutA(problem), static_cast<const Element*>(product.b),
                 cutlass::make_cute_packed_stride(typename Kernel::StrideB{}, {n, k, batch}), a_.metadata(),
                 Config::fill_layoutE(problem)},
                {{1.0F, 0.0F},
                 nullptr,
                 cutlass::make_cute_packed_stride(typename Kernel::StrideC{}, {m, n, batch}),
                 static_cast<Element*>(product.c),
                 cutlass::make_cute_packed_stride(typename Kernel::StrideD{}, {m, n, batch})},
                hardware};
    }

    Compressed a_;
    GemmPeer<Gemm> gemm_;
};

}  // namespace

std::unique_ptr<Peer> make_peer(const std::string& format, const bsk_peer_product& product) {
    require_format(format, "2to4", product);
    int device = 0;
    check(cudaGetDevice(&device), "cudaGetDevice");
    const Problem problem{static_cast<int>(product.m), static_cast<int>(product.n),
                          static_cast<int>(product.k), 1};
    return std::make_unique<TwoToFourPeer>(
        problem, product, cutlass::KernelHardwareInfo::make_kernel_hardware_info<Kernel>(device));
}

}  // namespace bsk::peers
