#include "kernels/dense/dense_cublas.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>

#include "base/cublas.h"
#include "base/cuda.h"
#include "base/lines.h"
#include "base/math.h"
#include "base/stream_buffer.h"
#include "kernels/dense/expand.h"
#include "kernels/dense/finish.h"

namespace bsk {

namespace {

constexpr std::int64_t kElementBytes = 2;  // fp16 and bf16

/// Leading dimension of the expanded A.
std::int64_t dense_ld(std::int64_t k) {
    return round_up(k, 16 / kElementBytes);
}

/// The cuBLAS context that all plans of a device share. cublasSetStream and the product that follows must not
/// be torn apart by another thread.
struct SharedCublas {
    std::mutex mutex;
    Cublas cublas;
};

/// The current device's, made by the first who asks and never destroyed: at process exit the CUDA runtime may be
/// gone already.
SharedCublas& shared_cublas() {
    static auto* mutex = new std::mutex;
    static auto* shared = new std::map<int, std::unique_ptr<SharedCublas>>;
    int device = 0;
    check_cuda(cudaGetDevice(&device), "cudaGetDevice");
    const std::lock_guard lock(*mutex);
    std::unique_ptr<SharedCublas>& entry = (*shared)[device];
    if (entry == nullptr) {
        entry = std::make_unique<SharedCublas>();
    }
    return *entry;
}

void multiply(const DenseProduct& product, const StreamBuffer& workspace, Stream stream) {
    SharedCublas& shared = shared_cublas();
    const std::lock_guard lock(shared.mutex);
    shared.cublas.use(stream, workspace.data());
    shared.cublas.multiply(product);
}

}  // namespace

std::int64_t dense_bytes(std::int64_t m, std::int64_t k) {
    return m * dense_ld(k) * kElementBytes;
}

void prepare_dense_cublas(const SpmmLaunch& launch) {
    prepare_expand();
    prepare_finish(launch);
    if (launch.m == 0 || launch.n == 0) {
        return;
    }
    const std::int64_t b_lines = lines_of(launch.b_layout, launch.k, launch.n).count;
    const std::int64_t c_lines = lines_of(launch.c_layout, launch.m, launch.n).count;
    // One buffer stands for all three operands: the numbers do not matter.
    const std::int64_t b_elements = (launch.batch - 1) * launch.stride_b + b_lines * launch.ldb;
    const std::int64_t c_elements = (launch.batch - 1) * launch.stride_c + c_lines * launch.ldc;
    const DeviceBuffer scratch(static_cast<std::size_t>(
        std::max({dense_bytes(launch.m, launch.k), b_elements * size_of(launch.dtype),
                  c_elements * size_of(launch.c_dtype)})));
    SpmmLaunch rehearsal = launch;
    rehearsal.packed = scratch.as<void>();
    rehearsal.b = scratch.as<void>();
    rehearsal.c = scratch.as<void>();
    launch_dense_cublas(rehearsal, cudaStreamLegacy);
    rehearsal.activation = Activation::relu;  // the product in fp32
    launch_dense_cublas(rehearsal, cudaStreamLegacy);
    check_cuda(cudaStreamSynchronize(cudaStreamLegacy), "the first product of cuBLAS");
}

void pack_dense_cublas(const SpmmLaunch& launch, void* packed, Stream stream) {
    launch_expand(launch, packed, dense_ld(launch.k), stream);
}

void launch_dense_cublas(const SpmmLaunch& launch, Stream stream) {
    // Of this launch only: products on other streams may run at the same time.
    const StreamBuffer workspace(Cublas::kWorkspaceBytes, stream);
    DenseProduct product;
    product.m = launch.m;
    product.n = launch.n;
    product.k = launch.k;
    product.batch = launch.batch;
    product.dtype = launch.dtype;
    product.a = launch.packed;
    product.lda = dense_ld(launch.k);
    product.b = launch.b;
    product.b_layout = launch.b_layout;
    product.ldb = launch.ldb;
    product.stride_b = launch.stride_b;
    product.c_layout = launch.c_layout;
    product.alpha = launch.alpha;
    if (launch.bias == nullptr && launch.activation == Activation::none && launch.beta == 0.0F) {
        product.c_dtype = launch.c_dtype;
        product.c = launch.c;
        product.ldc = launch.ldc;
        product.stride_c = launch.stride_c;
        multiply(product, workspace, stream);
        return;
    }
    // The epilogue takes the product in fp32, so that the result rounds once.
    const SumsLayout sums_layout = sums_layout_of(launch);
    const StreamBuffer sums(static_cast<std::size_t>(launch.batch * sums_layout.stride) * sizeof(float),
                            stream);
    product.c_dtype = DType::f32;
    product.c = sums.data();
    product.ldc = sums_layout.ld;
    product.stride_c = sums_layout.stride;
    multiply(product, workspace, stream);
    launch_finish(launch, static_cast<const float*>(sums.data()), stream);
}

}  // namespace bsk
