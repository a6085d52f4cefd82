// What every CUDA kernel of C = activation(alpha*A*B + beta*R + bias) is launched with. Plain data: the host compiler
// reads it too.
#pragma once

#include <cstdint>

#include <bsk/types.h>

#include "plan/kernels.h"
#include "plan/row_pairs.h"
#include "plan/schedule.h"
#include "plan/union_lists.h"

namespace bsk {

/// A checked product: pointers are on the device, aligned as the kernel demands, sizes are consistent.
struct SpmmLaunch {
    std::int64_t m = 0;  ///< logical sizes; the last block row / column may be padded
    std::int64_t n = 0;
    std::int64_t k = 0;
    int block_m = 0;
    int block_k = 0;
    std::int64_t nnzb = 0;
    const std::int32_t* crow_indices = nullptr;  ///< [block_rows + 1]
    const std::int32_t* col_indices = nullptr;   ///< [nnzb]

    /// Where A is the transpose of what `values` holds, the position of each block there [nnzb], stored as block_k x block_m;
    /// else null. spmm_sm90 only: spmm_sm90_pairs has pair_sources, other kernels get transposed values.
    const std::int32_t* sources = nullptr;

    DType dtype = DType::f16;      ///< of A and B
    const void* values = nullptr;  ///< [nnzb, block_m, block_k]
    const void* packed =
        nullptr;              ///< the values as the kernel reads them; null for kernels that read `values`
    const void* b = nullptr;  ///< k x n
    Layout b_layout = Layout::row_major;
    std::int64_t ldb = 0;

    DType c_dtype = DType::f16;
    void* c = nullptr;  ///< m x n
    Layout c_layout = Layout::row_major;
    std::int64_t ldc = 0;

    std::int64_t batch = 1;     ///< products with the same A
    std::int64_t stride_b = 0;  ///< elements from one B to the next
    std::int64_t stride_c = 0;  ///< of C and the residual

    float alpha = 1.0F;
    float beta = 0.0F;
    const void* residual = nullptr;  ///< R; C itself, in its layout and strides, or apart from it
    std::int64_t residual_ld = 0;    ///< ldc, but in a copy that TMA can read, as residual_stride
    std::int64_t residual_stride = 0;
    const void* bias = nullptr;  ///< [m] or [n] of c_dtype, or nullptr
    BiasAxis bias_axis = BiasAxis::row;
    Activation activation = Activation::none;

    bool keeps_b_in_l2 = false;        ///< HostPlan::keeps_b_in_l2
    bool stores_c_by_threads = false;  ///< HostPlan::stores_c_by_threads

    KernelChoice choice;
    const std::int32_t* work_offsets = nullptr;  ///< [streams + 1], device; sm90 kernels only
    const WorkItem* work = nullptr;              ///< [work_offsets[streams]], device; sm90 kernels only
    const TilePart* parts =
        nullptr;  ///< [part_count], device; spmm_sm90 and spmm_sm90_small only, as are the next two
    int part_count = 0;
    int split_tiles = 0;
    int streams = 0;  ///< clusters launched; sm90 kernels only

    const RowPair* pairs = nullptr;  ///< RowPairs on the device; spmm_sm90_pairs only
    const std::int32_t* pair_steps = nullptr;
    const std::int32_t* pair_sources = nullptr;  ///< step_sources() where A is transposed, else null

    const std::int32_t* group_rows = nullptr;  ///< UnionLists on the device; spmm_sm90_small only
    const std::int32_t* group_stages = nullptr;
    const UnionStep* steps = nullptr;
    const std::int32_t* stage_units = nullptr;
    const std::int32_t* units = nullptr;
};

}  // namespace bsk
