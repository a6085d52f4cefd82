// The CUDA libraries' name for an element type.
#pragma once

#include <library_types.h>

#include <bsk/types.h>

namespace bsk {

constexpr cudaDataType_t cuda_data_type(DType dtype) {
    switch (dtype) {
        case DType::f16: return CUDA_R_16F;
        case DType::bf16: return CUDA_R_16BF;
        case DType::f32: break;
    }
    return CUDA_R_32F;
}

}  // namespace bsk
