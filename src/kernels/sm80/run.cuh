// Runs of 8 neighbouring elements of C: conversion, reading and writing at any alignment.
#pragma once

#include <cstdint>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <bsk/types.h>

namespace bsk::sm80 {

inline constexpr int kRun = 8;  // elements: 16 bytes of fp16 or bf16

__device__ inline float to_float(float x) {
    return x;
}
__device__ inline float to_float(__half x) {
    return __half2float(x);
}
__device__ inline float to_float(__nv_bfloat16 x) {
    return __bfloat162float(x);
}

__device__ inline void round_to(float& out, float x) {
    out = x;
}
__device__ inline void round_to(__half& out, float x) {
    out = __float2half_rn(x);
}
__device__ inline void round_to(__nv_bfloat16& out, float x) {
    out = __float2bfloat16_rn(x);
}

template <class C>
inline constexpr DType kDType = DType::f32;
template <>
inline constexpr DType kDType<__half> = DType::f16;
template <>
inline constexpr DType kDType<__nv_bfloat16> = DType::bf16;

/// Elements that lie side by side in C and are read and written together.
template <class C>
struct alignas(16) Run {
    C value[kRun];
};

/// The first `count` elements of a run; one 16-byte access or two where the run is whole and `aligned`.
template <class C>
__device__ Run<C> load_run(const C* source, std::int64_t count, bool aligned) {
    if (aligned && count >= kRun) {
        return *reinterpret_cast<const Run<C>*>(source);
    }
    Run<C> run = {};
#pragma unroll
    for (int i = 0; i < kRun; ++i) {
        if (i < count) {
            run.value[i] = source[i];
        }
    }
    return run;
}

template <class C>
__device__ void store_run(const Run<C>& run, C* target, std::int64_t count, bool aligned) {
    if (aligned && count >= kRun) {
        *reinterpret_cast<Run<C>*>(target) = run;
        return;
    }
#pragma unroll
    for (int i = 0; i < kRun; ++i) {
        if (i < count) {
            target[i] = run.value[i];
        }
    }
}

}  // namespace bsk::sm80
