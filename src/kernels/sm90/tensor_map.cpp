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
                             : CU_TENSOR_MAP_SWIZZLE_32B;
}

}  // namespace

CUtensorMap make_tensor_map(const void* data, DType dtype, std::int64_t rows, std::int64_t cols,
                            std::int64_t ld, int box_rows, int box_cols) {
    static const PFN_cuTensorMapEncodeTiled_v12000 encode = find_encoder();
    CUtensorMap map;
    // A matrix without elements still needs a valid map; no box of it is ever asked for.
    const cuuint64_t sizes[2] = {static_cast<cuuint64_t>(std::max<std::int64_t>(cols, 1)),
                                 static_cast<cuuint64_t>(std::max<std::int64_t>(rows, 1))};
    const cuuint64_t strides[1] = {static_cast<cuuint64_t>(ld * size_of(dtype))};
    const cuuint32_t box[2] = {static_cast<cuuint32_t>(box_cols), static_cast<cuuint32_t>(box_rows)};
    const cuuint32_t element_strides[2] = {1, 1};
    const CUresult status =
        encode(&map, element_type(dtype), 2, const_cast<void*>(data), sizes, strides, box, element_strides,
               CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle_of(box_cols * size_of(dtype)),
               CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    require(status == CUDA_SUCCESS, ErrorCode::cuda_error,
            "cuTensorMapEncodeTiled failed with code {} for {} x {} elements of {} at {}, ld = {}.",
            static_cast<int>(status), rows, cols, name(dtype), data, ld);
    return map;
}

}  // namespace bsk
