// Warpgroup matrix multiply-accumulate, PTX ISA 9.0 section 9.7.15: d[64 x n] += a[64 x 16] * b[16 x n].
#pragma once

#include <cstdint>

#include <bsk/types.h>

#include "kernels/sm90/ptx.cuh"

namespace bsk::ptx {

/// Matrix descriptor of an operand in shared memory whose lines have kLineBytes, 128, 64 or 32, swizzled by as many
/// (section 9.7.15.5.1.2.2).
///
/// K-major (lines of 64 elements of k): groups of 8 rows lie 8 lines apart, 16 columns of k are 32 bytes on. MN-major (lines
/// of kLineBytes / 2 elements of m or n): `leading_bytes` lie between as many columns and the next; groups of 8 rows of k
/// lie 8 lines apart, 16 rows of k are 16 lines on.
template <int kLineBytes = 128>
__device__ inline std::uint64_t matrix_descriptor(const void* shared, std::uint32_t leading_bytes) {
    constexpr std::uint64_t kStrideBytes = 8 * kLineBytes;
    constexpr std::uint64_t kSwizzle = std::uint64_t{kLineBytes == 128 ? 1 : kLineBytes == 64 ? 2 : 3} << 62;
    return kSwizzle | (kStrideBytes >> 4) << 32 | static_cast<std::uint64_t>(leading_bytes >> 4) << 16 |
           (shared_address(shared) & 0x3FFFF) >> 4;
}

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

#define BSK_WGMMA_ACCUMULATORS(d)                                                                         \
    "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]),       \
        "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]),          \
        "+f"(d[15]), "+f"(d[16]), "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]), "+f"(d[21]),        \
        "+f"(d[22]), "+f"(d[23]), "+f"(d[24]), "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]),        \
        "+f"(d[29]), "+f"(d[30]), "+f"(d[31]), "+f"(d[32]), "+f"(d[33]), "+f"(d[34]), "+f"(d[35]),        \
        "+f"(d[36]), "+f"(d[37]), "+f"(d[38]), "+f"(d[39]), "+f"(d[40]), "+f"(d[41]), "+f"(d[42]),        \
        "+f"(d[43]), "+f"(d[44]), "+f"(d[45]), "+f"(d[46]), "+f"(d[47]), "+f"(d[48]), "+f"(d[49]),        \
        "+f"(d[50]), "+f"(d[51]), "+f"(d[52]), "+f"(d[53]), "+f"(d[54]), "+f"(d[55]), "+f"(d[56]),        \
        "+f"(d[57]), "+f"(d[58]), "+f"(d[59]), "+f"(d[60]), "+f"(d[61]), "+f"(d[62]), "+f"(d[63]),        \
        "+f"(d[64]), "+f"(d[65]), "+f"(d[66]), "+f"(d[67]), "+f"(d[68]), "+f"(d[69]), "+f"(d[70]),        \
        "+f"(d[71]), "+f"(d[72]), "+f"(d[73]), "+f"(d[74]), "+f"(d[75]), "+f"(d[76]), "+f"(d[77]),        \
        "+f"(d[78]), "+f"(d[79]), "+f"(d[80]), "+f"(d[81]), "+f"(d[82]), "+f"(d[83]), "+f"(d[84]),        \
        "+f"(d[85]), "+f"(d[86]), "+f"(d[87]), "+f"(d[88]), "+f"(d[89]), "+f"(d[90]), "+f"(d[91]),        \
        "+f"(d[92]), "+f"(d[93]), "+f"(d[94]), "+f"(d[95]), "+f"(d[96]), "+f"(d[97]), "+f"(d[98]),        \
        "+f"(d[99]), "+f"(d[100]), "+f"(d[101]), "+f"(d[102]), "+f"(d[103]), "+f"(d[104]), "+f"(d[105]),  \
        "+f"(d[106]), "+f"(d[107]), "+f"(d[108]), "+f"(d[109]), "+f"(d[110]), "+f"(d[111]), "+f"(d[112]), \
        "+f"(d[113]), "+f"(d[114]), "+f"(d[115]), "+f"(d[116]), "+f"(d[117]), "+f"(d[118]), "+f"(d[119]), \
        "+f"(d[120]), "+f"(d[121]), "+f"(d[122]), "+f"(d[123]), "+f"(d[124]), "+f"(d[125]), "+f"(d[126]), \
        "+f"(d[127])

/// Starts d += a*b; each operand is K-major, or MN-major where kTransposeA or kTransposeB. Warp w of the warpgroup
/// holds rows 16*w ...; of these, lane l holds in d[4*j + 2*i + h] row l/4 + 8*i, column 8*j + 2*(l%4) + h
/// (section 9.7.15.5.1.1, fragment D of .m64nNk16).
template <DType kType, int kTransposeA, int kTransposeB>
__device__ inline void wgmma_m64n256k16(float (&d)[128], std::uint64_t a, std::uint64_t b) {
    if constexpr (kType == DType::f16) {
        asm volatile(
            "wgmma.mma_async.sync.aligned.m64n256k16.f32.f16.f16 "
            "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
            "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
            "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
            "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, "
            "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "
            "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "
            "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, "
            "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, "
            "%127}, "
            "%128, %129, 1, 1, 1, %130, %131;"
            : BSK_WGMMA_ACCUMULATORS(d)
            : "l"(a), "l"(b), "n"(kTransposeA), "n"(kTransposeB));
    } else {
        asm volatile(
            "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 "
            "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
            "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
            "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
            "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, "
            "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "
            "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "
            "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, "
            "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, "
            "%127}, "
            "%128, %129, 1, 1, 1, %130, %131;"
            : BSK_WGMMA_ACCUMULATORS(d)
            : "l"(a), "l"(b), "n"(kTransposeA), "n"(kTransposeB));
    }
}

#undef BSK_WGMMA_ACCUMULATORS

/// The part of a descriptor that says where its operand starts, in units of 16 bytes.
__device__ inline std::uint32_t descriptor_address(const void* shared) {
    return (shared_address(shared) & 0x3FFFF) >> 4;
}

/// The rest of the descriptor of a K-major operand whose rows are 64 bytes, swizzled by as many; groups of 8 rows follow
/// each other, 16 columns of k are 32 bytes on.
constexpr std::uint64_t kNarrowMatrixDescriptorBase = std::uint64_t{2} << 62 | std::uint64_t{8 * 64 >> 4}
                                                                                   << 32;

/// Starts d += a*b, d 64 x 32. a lies in registers: lane l of warp w holds in a[2*j + i] row 16*w + l/4 + 8*i, columns
/// 8*j + 2*(l%4) and the next of k. b is K-major in shared memory; d as above.
/// The registers of a must not be written before a wait has covered this instruction.
template <DType kType>
__device__ inline void wgmma_m64n32k16(float (&d)[16], const std::uint32_t (&a)[4], std::uint64_t b) {
#define BSK_WGMMA_N32(type)                                                                                \
    asm volatile("wgmma.mma_async.sync.aligned.m64n32k16.f32." type "." type                               \
                 " {%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15}, "               \
                 "{%16, %17, %18, %19}, %20, 1, 1, 1, 0;"                                                  \
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]),     \
                   "+f"(d[7]), "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), \
                   "+f"(d[14]), "+f"(d[15])                                                                \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b))
    if constexpr (kType == DType::f16) {
        BSK_WGMMA_N32("f16");
    } else {
        BSK_WGMMA_N32("bf16");
    }
#undef BSK_WGMMA_N32
}

#define BSK_WGMMA_ACCUMULATORS(d)                                                                   \
    "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]), \
        "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]),    \
        "+f"(d[15]), "+f"(d[16]), "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]), "+f"(d[21]),  \
        "+f"(d[22]), "+f"(d[23]), "+f"(d[24]), "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]),  \
        "+f"(d[29]), "+f"(d[30]), "+f"(d[31]), "+f"(d[32]), "+f"(d[33]), "+f"(d[34]), "+f"(d[35]),  \
        "+f"(d[36]), "+f"(d[37]), "+f"(d[38]), "+f"(d[39]), "+f"(d[40]), "+f"(d[41]), "+f"(d[42]),  \
        "+f"(d[43]), "+f"(d[44]), "+f"(d[45]), "+f"(d[46]), "+f"(d[47]), "+f"(d[48]), "+f"(d[49]),  \
        "+f"(d[50]), "+f"(d[51]), "+f"(d[52]), "+f"(d[53]), "+f"(d[54]), "+f"(d[55]), "+f"(d[56]),  \
        "+f"(d[57]), "+f"(d[58]), "+f"(d[59]), "+f"(d[60]), "+f"(d[61]), "+f"(d[62]), "+f"(d[63])

/// Starts d += a*b, d 64 x 128. a lies in registers as above, b in shared memory, K-major, or
/// MN-major where kTransposeB.
/// The registers of a must not be written before a wait has covered this instruction.
template <DType kType, int kTransposeB>
__device__ inline void wgmma_m64n128k16(float (&d)[64], const std::uint32_t (&a)[4], std::uint64_t b) {
    if constexpr (kType == DType::f16) {
        asm volatile(
            "wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {"
            "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, "
            "%19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, "
            "%36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, "
            "%53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
            "}, {%64, %65, %66, %67}, %68, 1, 1, 1, %69;"
            : BSK_WGMMA_ACCUMULATORS(d)
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "n"(kTransposeB));
    } else {
        asm volatile(
            "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {"
            "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, "
            "%19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, "
            "%36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, "
            "%53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
            "}, {%64, %65, %66, %67}, %68, 1, 1, 1, %69;"
            : BSK_WGMMA_ACCUMULATORS(d)
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "n"(kTransposeB));
    }
}

#undef BSK_WGMMA_ACCUMULATORS

}  // namespace bsk::ptx
