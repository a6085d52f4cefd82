#include "api/checked_indices.h"

#include <cstddef>
#include <vector>

#include "base/check.h"
#include "base/cuda.h"
#include "base/format_device.h"

namespace bsk {

namespace {

/// An index array on a CUDA device, as int32 on the host.
std::vector<std::int32_t> fetch(const void* data, IndexType type, std::int64_t count, const Device& device) {
    if (count == 0) {
        return {};
    }
    const DeviceGuard guard(device.index);
    std::vector<std::byte> staged(static_cast<std::size_t>(count * size_of(type)));
    check_cuda(cudaMemcpy(staged.data(), data, staged.size(), cudaMemcpyDeviceToHost),
               "cudaMemcpy of the indices");
    return copy_indices(staged.data(), type, count);
}

}  // namespace

Indices checked_indices(const BsrView& a, const Device& device) {
    require(a.device.type == DeviceType::cpu || a.device == device, ErrorCode::device_mismatch,
            "The index arrays of A are on {}, the plan is for {}; move them to the host or to that device.",
            a.device, device);
    if (a.device.type == DeviceType::cpu) {
        validate(a);
        return copy_indices(a);
    }
    // What must hold before anything is read from the device; validate() checks the rest on the copies.
    require(a.m >= 0 && a.k >= 0 && a.nnzb >= 0 && a.nnzb <= kInt32Max && a.block_m > 0 && a.block_k > 0 &&
                a.m <= kInt32Max && a.k <= kInt32Max,
            ErrorCode::invalid_argument, "A has sizes m = {}, k = {}, block {}x{}, nnzb = {}: out of range.",
            a.m, a.k, a.block_m, a.block_k, a.nnzb);
    require(a.crow_indices != nullptr && (a.nnzb == 0 || a.col_indices != nullptr),
            ErrorCode::invalid_argument, "crow_indices or col_indices of A is null.");
    Indices indices{fetch(a.crow_indices, a.index_type, a.block_rows() + 1, a.device),
                    fetch(a.col_indices, a.index_type, a.nnzb, a.device)};
    BsrView on_host = a;
    on_host.index_type = IndexType::i32;
    on_host.crow_indices = indices.crow.data();
    on_host.col_indices = indices.cols.data();
    on_host.device = {};
    validate(on_host);
    return indices;
}

}  // namespace bsk
