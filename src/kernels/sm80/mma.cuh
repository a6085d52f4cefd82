// One PTX instruction each: asynchronous copies, fragment loads and tensor-core products of compute
// capability 8.0. Section numbers are those of PTX ISA 9.0.
#pragma once

#include <cstdint>
#include <type_traits>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace bsk::sm80 {

/// Four 8x8 matrices of 16-bit elements, one register of each per lane.
struct Fragment {
    std::uint32_t reg[4];
};

__device__ inline std::uint32_t shared_address(const void* pointer) {
    return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

/// Copies `bytes` (0 .. 16) from global to shared memory, both 16-byte aligned, and fills the rest of the 16
/// with zeros; reads nothing where bytes = 0. PTX ISA 9.7.9.25.3.1 cp.async.
__device__ inline void cp_async_16(void* shared, const void* global, int bytes) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global),
                 "r"(bytes)
                 : "memory");
}

/// Copies 16 bytes from global to shared memory, both 16-byte aligned, or where `exists` is false reads nothing and
/// writes zeros. PTX ISA 9.7.9.25.3.1 cp.async.
__device__ inline void cp_async_16(void* shared, const void* global, bool exists) {
    asm volatile(
        "{\n.reg .pred ignore;\n"
        "setp.eq.s32 ignore, %2, 0;\n"
        "cp.async.cg.shared.global [%0], [%1], 16, ignore;\n}" ::"r"(shared_address(shared)),
        "l"(global), "r"(static_cast<int>(exists))
        : "memory");
}

/// Closes the group of this thread's copies so far. PTX ISA 9.7.9.25.3.2 cp.async.commit_group.
__device__ inline void cp_async_commit() {
    asm volatile("cp.async.commit_group;" ::: "memory");
}

/// Waits until at most kPending of this thread's groups are in flight. PTX ISA 9.7.9.25.3.3
/// cp.async.wait_group.
template <int kPending>
__device__ inline void cp_async_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

/// Loads four 8x8 matrices; lane l gives the address of row l % 8 (16 bytes) of matrix l / 8 and gets
/// elements 2*(l % 4) and the next of row l / 4 of each. PTX ISA 9.7.14.5.15 ldmatrix.
__device__ inline Fragment ldmatrix(const void* shared) {
    Fragment f;
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(f.reg[0]), "=r"(f.reg[1]), "=r"(f.reg[2]), "=r"(f.reg[3])
                 : "r"(shared_address(shared))
                 : "memory");
    return f;
}

/// The same, each matrix transposed: lane l gets rows 2*(l % 4) and the next of column l / 4.
/// PTX ISA 9.7.14.5.15 ldmatrix .trans.
__device__ inline Fragment ldmatrix_trans(const void* shared) {
    Fragment f;
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(f.reg[0]), "=r"(f.reg[1]), "=r"(f.reg[2]), "=r"(f.reg[3])
                 : "r"(shared_address(shared))
                 : "memory");
    return f;
}

/// c (16x8, fp32) += a (16x16) * b (16x8; b0 holds its k rows 0 .. 7, b1 rows 8 .. 15) for T = __half or
/// __nv_bfloat16. Fragments: PTX ISA 9.7.14.5.8; instruction: 9.7.14.5.14 mma.
template <class T>
__device__ inline void mma_m16n8k16(float (&c)[4], const Fragment& a, std::uint32_t b0, std::uint32_t b1) {
    if constexpr (std::is_same_v<T, __half>) {
        asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
            : "r"(a.reg[0]), "r"(a.reg[1]), "r"(a.reg[2]), "r"(a.reg[3]), "r"(b0), "r"(b1));
    } else {
        static_assert(std::is_same_v<T, __nv_bfloat16>);
        asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
            : "r"(a.reg[0]), "r"(a.reg[1]), "r"(a.reg[2]), "r"(a.reg[3]), "r"(b0), "r"(b1));
    }
}

}  // namespace bsk::sm80
