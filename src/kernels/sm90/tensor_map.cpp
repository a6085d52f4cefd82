#include "kernels/sm90/tensor_map.h"

#include <algorithm>

#include <cudaTypedefs.h>

#include "base/check.h"
#include "base/cuda.h"

namespace bsk {

namespace {

/// The driver's encoder, found at run time so that nothing links against libcuda.
PFN_cuTensorMapEncodeTiled_v12000 find_encoder() {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult result{};
    check_cuda(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault,
                                                &result),
               "cudaGetDriverEntryPointByVersion");
    require(result == cudaDriverEntryPointSuccess && function != nullptr, ErrorCode::cuda_error,
            "The CUDA driver has no cuTensorMapEncodeTiled; a driver of CUDA 12.0 or later is needed.");
    return reinterpret_cast<PFN_cuTensorMapEncodeTiled_v12000>(function);
}

CUtensorMapDataType element_type(DType dtype) {
    switch (dtype) {
        case DType::f16: return CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
        case DType::bf16: return CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
        case DType::f32: break;
    }
    return CU_TENSOR_MAP_DATA_TYPE_FLOAT32;
}

CUtensorMapSwizzle swizzle_of(std::int64_t row_bytes) {
    return row_bytes == 128  ? CU_TENSOR_MAP_SWIZZLE_128B
           : row_bytes == 64 ? CU_TENSOR_MAP_SWIZZLE_64B
                             : CU_TENSOR_MAP_SWIZZLE_NONE;
}

/// Sizes from the contiguous dimension outwards; strides in elements of all dimensions but that one.
template <int kDims>
CUtensorMap encode(const void* data, DType dtype, const std::int64_t (&sizes)[kDims],
                   const std::int64_t (&strides)[kDims - 1], int box_rows, int box_cols) {
    static const PFN_cuTensorMapEncodeTiled_v12000 encoder = find_encoder();
    CUtensorMap map;
    cuuint64_t size[kDims];
    cuuint64_t stride[kDims - 1];
    cuuint32_t box[kDims];
    cuuint32_t element_strides[kDims];
    for (int i = 0; i < kDims; ++i) {
        // A matrix without elements still needs a valid map; no box of it is ever asked for.
        size[i] = static_cast<cuuint64_t>(std::max<std::int64_t>(sizes[i], 1));
        box[i] = static_cast<cuuint32_t>(i == 0 ? box_cols : i == 1 ? box_rows : 1);
        element_strides[i] = 1;
    }
    for (int i = 0; i < kDims - 1; ++i) {
        stride[i] = static_cast<cuuint64_t>(strides[i] * size_of(dtype));
    }
    const CUresult status =
        encoder(&map, element_type(dtype), kDims, const_cast<void*>(data), size, stride, box, element_strides,
                CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle_of(box_cols * size_of(dtype)),
                CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    require(status == CUDA_SUCCESS, ErrorCode::cuda_error,
            "cuTensorMapEncodeTiled failed with code {} for {} x {} elements of {} at {}, ld = {}.",
            static_cast<int>(status), sizes[1], sizes[0], name(dtype), data, strides[0]);
    return map;
}

}  // namespace

CUtensorMap make_tensor_map(const void* data, DType dtype, std::int64_t rows, std::int64_t cols,
                            std::int64_t ld, int box_rows, int box_cols) {
    return encode<2>(data, dtype, {cols, rows}, {ld}, box_rows, box_cols);
}

CUtensorMap make_tensor_map(const void* data, DType dtype, Layout layout, std::int64_t rows,
                            std::int64_t cols, std::int64_t ld, int box_lines, int box_line,
                            std::int64_t batch, std::int64_t stride) {
    const bool row_major = layout == Layout::row_major;
    return encode<3>(data, dtype, {row_major ? cols : rows, row_major ? rows : cols, batch}, {ld, stride},
                     box_lines, box_line);
}

}  // namespace bsk
