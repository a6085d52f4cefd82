// Warpgroup matrix multiply-accumulate, PTX ISA 9.0 section 9.7.15: d[64 x n] += a[64 x 16] * b[16 x n].
#pragma once

#include <cstdint>

#include <bsk/types.h>

#include "kernels/sm90/ptx.cuh"

namespace bsk::ptx {

/// The part of a descriptor that says where its operand starts, in units of 16 bytes.
__device__ inline std::uint32_t descriptor_address(const void* shared) {
    return (shared_address(shared) & 0x3FFFF) >> 4;
}

/// Matrix descriptor of an operand in shared memory whose lines have kLineBytes, 128 or 64, swizzled by as many
/// (section 9.7.15.5.1.2.2).
///
/// K-major (lines of 64 elements of k): groups of 8 rows lie 8 lines apart, 16 columns of k are 32 bytes on. MN-major (lines
/// of kLineBytes / 2 elements of m or n): `leading_bytes` lie between as many columns and the next; groups of 8 rows of k
/// lie 8 lines apart, 16 rows of k are 16 lines on.
template <int kLineBytes = 128>
__device__ inline std::uint64_t matrix_descriptor(const void* shared, std::uint32_t leading_bytes) {
    constexpr std::uint64_t kStrideBytes = 8 * kLineBytes;
    constexpr std::uint64_t kSwizzle = std::uint64_t{kLineBytes == 128 ? 1 : 2} << 62;
    return kSwizzle | (kStrideBytes >> 4) << 32 | static_cast<std::uint64_t>(leading_bytes >> 4) << 16 |
           descriptor_address(shared);
}

/// The rest of the descriptor of a K-major operand whose rows are 64 bytes, swizzled by as many; groups of 8 rows follow
/// each other, 16 columns of k are 32 bytes on.
constexpr std::uint64_t kNarrowMatrixDescriptorBase = std::uint64_t{2} << 62 | std::uint64_t{8 * 64 >> 4}
                                                                                   << 32;

/// Before the first wgmma of a series and after registers of the accumulators were touched.
__device__ inline void wgmma_fence() {
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

__device__ inline void wgmma_commit() {
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

/// Waits until at most `kPending` committed groups are in flight.
template <int kPending>
__device__ inline void wgmma_wait() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

/// After a wait: no read of the accumulators moves above it.
template <int kCount>
__device__ inline void settle(float (&acc)[kCount]) {
#pragma unroll
    for (float& x : acc) {
        asm volatile("" : "+f"(x)::"memory");
    }
}

// Operands of the instructions below: accumulators, and their numbers in the text.
#define BSK_ACCUMULATORS_8(d, i)                                                                \
    "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), \
        "+f"(d[i + 6]), "+f"(d[i + 7])
#define BSK_ACCUMULATORS_16(d, i) BSK_ACCUMULATORS_8(d, i), BSK_ACCUMULATORS_8(d, i + 8)
#define BSK_ACCUMULATORS_64(d, i)                                                              \
    BSK_ACCUMULATORS_16(d, i), BSK_ACCUMULATORS_16(d, i + 16), BSK_ACCUMULATORS_16(d, i + 32), \
        BSK_ACCUMULATORS_16(d, i + 48)
#define BSK_NUMBERS_0_TO_63                                                                      \
    "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, " \
    "%20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, " \
    "%38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, " \
    "%56, %57, %58, %59, %60, %61, %62, %63"
#define BSK_NUMBERS_64_TO_127                                                                    \
    "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, %80, %81, " \
    "%82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, %96, %97, %98, %99, " \
    "%100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, %112, %113, %114, " \
    "%115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"

/// Starts d += a*b, or d = a*b where not `accumulates`; each operand is K-major, or MN-major where kTransposeA or
/// kTransposeB; d is 64 x 256 or, below, 64 x 128. Warp w of the warpgroup holds rows 16*w ...; of these, lane l holds in
/// d[4*j + 2*i + h] row l/4 + 8*i, column 8*j + 2*(l%4) + h (section 9.7.15.5.1.1, fragment D of .m64nNk16).
template <DType kType, int kTransposeA, int kTransposeB>
__device__ inline void wgmma_m64k16(float (&d)[128], std::uint64_t a, std::uint64_t b, bool accumulates) {
#define BSK_WGMMA(type)                                                                       \
    asm volatile(                                                                             \
        "{\n"                                                                                 \
        ".reg .pred accumulates;\n"                                                           \
        "setp.ne.s32 accumulates, %132, 0;\n"                                                 \
        "wgmma.mma_async.sync.aligned.m64n256k16.f32." type "." type " {" BSK_NUMBERS_0_TO_63 \
        ", " BSK_NUMBERS_64_TO_127                                                            \
        "}, %128, %129, accumulates, 1, 1, %130, %131;\n"                                     \
        "}"                                                                                   \
        : BSK_ACCUMULATORS_64(d, 0), BSK_ACCUMULATORS_64(d, 64)                               \
        : "l"(a), "l"(b), "n"(kTransposeA), "n"(kTransposeB), "r"(accumulates ? 1 : 0))
    if constexpr (kType == DType::f16) {
        BSK_WGMMA("f16");
    } else {
        BSK_WGMMA("bf16");
    }
#undef BSK_WGMMA
}

template <DType kType, int kTransposeA, int kTransposeB>
__device__ inline void wgmma_m64k16(float (&d)[64], std::uint64_t a, std::uint64_t b, bool accumulates) {
#define BSK_WGMMA(type)                                                                       \
    asm volatile(                                                                             \
        "{\n"                                                                                 \
        ".reg .pred accumulates;\n"                                                           \
        "setp.ne.s32 accumulates, %68, 0;\n"                                                  \
        "wgmma.mma_async.sync.aligned.m64n128k16.f32." type "." type " {" BSK_NUMBERS_0_TO_63 \
        "}, %64, %65, accumulates, 1, 1, %66, %67;\n"                                         \
        "}"                                                                                   \
        : BSK_ACCUMULATORS_64(d, 0)                                                           \
        : "l"(a), "l"(b), "n"(kTransposeA), "n"(kTransposeB), "r"(accumulates ? 1 : 0))
    if constexpr (kType == DType::f16) {
        BSK_WGMMA("f16");
    } else {
        BSK_WGMMA("bf16");
    }
#undef BSK_WGMMA
}

/// Starts d += a*b, d 64 x 128. a lies in registers: lane l of warp w holds in a[2*j + i] row 16*w + l/4 + 8*i, columns
/// 8*j + 2*(l%4) and the next of k. b lies in shared memory, K-major, or MN-major where kTransposeB; d as above.
/// The registers of a must not be written before a wait has covered this instruction.
template <DType kType, int kTransposeB>
__device__ inline void wgmma_m64n128k16(float (&d)[64], const std::uint32_t (&a)[4], std::uint64_t b) {
#define BSK_WGMMA(type)                                                                                \
    asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32." type "." type " {" BSK_NUMBERS_0_TO_63 \
                 "}, {%64, %65, %66, %67}, %68, 1, 1, 1, %69;"                                         \
                 : BSK_ACCUMULATORS_64(d, 0)                                                           \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "n"(kTransposeB))
    if constexpr (kType == DType::f16) {
        BSK_WGMMA("f16");
    } else {
        BSK_WGMMA("bf16");
    }
#undef BSK_WGMMA
}

#undef BSK_ACCUMULATORS_8
#undef BSK_ACCUMULATORS_16
#undef BSK_ACCUMULATORS_64
#undef BSK_NUMBERS_0_TO_63
#undef BSK_NUMBERS_64_TO_127

}  // namespace bsk::ptx
