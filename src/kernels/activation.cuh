// Activations of a fused epilogue on the device, in fp32.
//
// Where C has 16 bits, errors stay below 7e-5 of the result (half a unit of fp16's last place is 2.4e-4 or
// more), but for GELU's erf form left of -5, where they stay below 2e-8. Where C is fp32, results are right
// to a few units of the last place. NaN gives NaN.
#pragma once

#include <bsk/types.h>

namespace bsk {

/// max(x, 0), but NaN for NaN.
__device__ inline float relu(float x) {
    float y;
    asm("max.NaN.f32 %0, %1, 0f00000000;" : "=f"(y) : "f"(x));
    return y;
}

/// e^x, as precisely as elements of kTypeC need.
template <DType kTypeC>
__device__ inline float exponential(float x) {
    if constexpr (kTypeC == DType::f32) {
        return expf(x);
    } else {
        constexpr float kLog2E = 1.44269504F;
        float y;
        asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x * kLog2E));
        return y;
    }
}

/// x / (1 + e^-y)
template <DType kTypeC>
__device__ inline float times_sigmoid(float x, float y) {
    float sigmoid;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(sigmoid) : "f"(1.0F + exponential<kTypeC>(-y)));
    return x * sigmoid;
}

/// x/2 * (1 + tanh(u)) with u = sqrt(2/pi) * (x + 0.044715 x^3), which is x / (1 + e^-2u): no cancellation
/// where x is negative.
template <DType kTypeC>
__device__ inline float gelu_tanh(float x) {
    constexpr float kLinear = 1.5957691216F;  // 2*sqrt(2/pi)
    constexpr float kCubic = 0.0713548163F;   // 0.044715 times as much
    return times_sigmoid<kTypeC>(x, x * (kCubic * (x * x) + kLinear));
}

/// x * Phi(x), Phi the normal distribution function: x/2 * (1 + erf(x / sqrt(2))) without its cancellation.
template <DType kTypeC>
__device__ inline float gelu_erf(float x) {
    if constexpr (kTypeC == DType::f32) {
        return x * normcdff(x);
    } else {
        // Phi(-z) * e^(z^2/2) for 0 <= z <= 5: a minimax polynomial.
        const float z = fminf(fabsf(x), 5.0F);
        float tail = -1.29265269e-6F;
        tail = tail * z + 3.58938232e-5F;
        tail = tail * z - 4.39020805e-4F;
        tail = tail * z + 3.13911121e-3F;
        tail = tail * z - 1.47691676e-2F;
        tail = tail * z + 4.92365584e-2F;
        tail = tail * z - 1.23662926e-1F;
        tail = tail * z + 2.46443227e-1F;
        tail = tail * z - 3.98381352e-1F;
        tail = tail * z + 4.99984264e-1F;
        tail *= exponential<kTypeC>(-0.5F * x * x);
        return x * (x < 0.0F ? tail : 1.0F - tail);
    }
}

/// x[i] = activation(x[i]), as precisely as elements of kTypeC can hold.
template <DType kTypeC, int kCount>
__device__ inline void activate(Activation activation, float (&x)[kCount]) {
    const auto each = [&](auto function) {
#pragma unroll
        for (float& element : x) {
            element = function(element);
        }
    };
    switch (activation) {
        case Activation::none: break;
        case Activation::relu: each(relu); break;
        case Activation::gelu_tanh: each(gelu_tanh<kTypeC>); break;
        case Activation::gelu_erf: each(gelu_erf<kTypeC>); break;
        case Activation::silu: each([](float v) { return times_sigmoid<kTypeC>(v, v); }); break;
    }
}

}  // namespace bsk
