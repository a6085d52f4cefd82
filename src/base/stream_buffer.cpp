#include "base/stream_buffer.h"

#include <cstdint>
#include <limits>
#include <map>
#include <mutex>

#include "base/cuda.h"

namespace bsk {

namespace {

/// The current device's pool, made by the first who asks and never destroyed: at process exit the CUDA runtime may be
/// gone already.
cudaMemPool_t pool() {
    static auto* mutex = new std::mutex;
    static auto* pools = new std::map<int, cudaMemPool_t>;
    int device = 0;
    check_cuda(cudaGetDevice(&device), "cudaGetDevice");
    const std::lock_guard lock(*mutex);
    if (const auto found = pools->find(device); found != pools->end()) {
        return found->second;
    }
    cudaMemPoolProps properties{};
    properties.allocType = cudaMemAllocationTypePinned;
    properties.location = {cudaMemLocationTypeDevice, device};
    cudaMemPool_t made = nullptr;
    check_cuda(cudaMemPoolCreate(&made, &properties), "cudaMemPoolCreate");
    std::uint64_t keep_all = std::numeric_limits<std::uint64_t>::max();
    check_cuda(cudaMemPoolSetAttribute(made, cudaMemPoolAttrReleaseThreshold, &keep_all),
               "cudaMemPoolSetAttribute");
    pools->emplace(device, made);
    return made;
}

}  // namespace

void StreamBuffer::prepare() {
    pool();
}

StreamBuffer::StreamBuffer(std::size_t bytes, Stream stream) : stream_(stream) {
    if (bytes > 0) {
        check_cuda(cudaMallocFromPoolAsync(&data_, bytes, pool(), static_cast<cudaStream_t>(stream)),
                   "cudaMallocFromPoolAsync");
    }
}

StreamBuffer::~StreamBuffer() {
    if (data_ != nullptr) {
        cudaFreeAsync(data_, static_cast<cudaStream_t>(stream_));
    }
}

}  // namespace bsk
