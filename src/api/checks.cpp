#include "api/checks.h"

#include <cstdint>

#include "base/check.h"
#include "base/cuda.h"
#include "base/format_device.h"

namespace bsk {

void check_sizes(const BsrView& planned, const BsrView& a) {
    require(a.m == planned.m && a.k == planned.k && a.block_m == planned.block_m &&
                a.block_k == planned.block_k && a.nnzb == planned.nnzb,
            ErrorCode::invalid_argument,
            "A is {} x {} with {} blocks of {}x{}, but the plan was made for {} x {} with {} blocks of "
            "{}x{}; make a plan for this pattern.",
            a.m, a.k, a.nnzb, a.block_m, a.block_k, planned.m, planned.k, planned.nnzb, planned.block_m,
            planned.block_k);
}

void check_pointer(const char* argument, const void* pointer, int alignment, const Device& device) {
    if (pointer == nullptr) {
        return;  // nothing is stored behind it, the shapes say so
    }
    require(reinterpret_cast<std::uintptr_t>(pointer) % alignment == 0, ErrorCode::misaligned,
            "{} starts at {}, which is not a multiple of {} bytes; pass an aligned buffer (cudaMalloc aligns "
            "to 256 bytes).",
            argument, pointer, alignment);
    cudaPointerAttributes attributes{};
    check_cuda(cudaPointerGetAttributes(&attributes, pointer), "cudaPointerGetAttributes");
    require(attributes.type == cudaMemoryTypeDevice || attributes.type == cudaMemoryTypeManaged,
            ErrorCode::device_mismatch, "{} points to host memory, but the plan is for {}; copy it there.",
            argument, device);
    require(attributes.device == device.index || attributes.type == cudaMemoryTypeManaged,
            ErrorCode::device_mismatch,
            "{} points to memory of CUDA device {}, but the plan is for device {}.", argument,
            attributes.device, device.index);
}

}  // namespace bsk
