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

void check_dense(const char* argument, const ConstMatrixView& x, std::int64_t rows, std::int64_t cols,
                 DType dtype, Layout layout, std::int64_t ld, const Device& device) {
    require(x.rows == rows && x.cols == cols, ErrorCode::invalid_argument, "{} is {} x {}: expected {} x {}.",
            argument, x.rows, x.cols, rows, cols);
    require(x.dtype == dtype, ErrorCode::dtype_mismatch, "{} is {}: expected {}.", argument, name(x.dtype),
            name(dtype));
    require(x.device == device, ErrorCode::device_mismatch, "{} is on {}, the plan on {}.", argument,
            x.device, device);
    require(x.layout == layout && x.ld == ld, ErrorCode::invalid_argument,
            "{} is {} with ld = {}, but the plan was made for {} with ld = {}.", argument, name(x.layout),
            x.ld, name(layout), ld);
    require(x.data != nullptr || rows * cols == 0, ErrorCode::invalid_argument,
            "{} is null: expected {} x {}.", argument, rows, cols);
}

}  // namespace bsk
