// Where an element of A lies in the packed values that spmm_sm90_small reads: unit after unit in the order of the
// union lists (plan/union_lists.h), so that the units of a stage are one piece of memory, each as it will lie in shared
// memory. No CUDA header: tests read it too.
#pragma once

#ifdef __CUDACC__
#define BSK_HOST_DEVICE __host__ __device__
#else
#define BSK_HOST_DEVICE
#endif

namespace bsk {

/// Bytes of a unit of 16-bit elements.
BSK_HOST_DEVICE constexpr int unit_bytes(int unit) {
    return 2 * unit * unit;
}

/// Byte offset in a unit of the 16-byte piece `piece` of `row`: rows of 64 or 32 bytes, their pieces permuted by the
/// 64- or 32-byte swizzle, so that ldmatrix reads 8 rows without bank conflicts.
BSK_HOST_DEVICE constexpr int packed_piece_offset(int unit, int row, int piece) {
    return row * unit * 2 + ((piece ^ (unit == 32 ? row / 2 % 4 : row / 4 % 2)) << 4);
}

}  // namespace bsk
