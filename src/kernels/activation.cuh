// Activations of a fused epilogue on the device, in fp32.
//
// Each but ReLU is x * sigmoid(y): y = x for SiLU, y = 2*sqrt(2/pi) * (x + 0.044715 x^3) for GELU's tanh form, and
// y = log(Phi(x) / (1 - Phi(x))), Phi the normal distribution function, for its erf form; nothing cancels where x is
// negative.
//
// Where C has 16 bits, errors stay below 7e-5 of the result (half a unit of fp16's last place is 2.4e-4 or
// more), but for GELU's erf form left of -4, where they stay below 7e-9. Where C is fp32, results are right
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

__device__ inline float reciprocal(float x) {
    float y;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

__device__ inline float power_of_2(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

/// The y of GELU's tanh form, times `scale`.
__device__ inline float gelu_tanh_logit(float x, float scale) {
    constexpr float kLinear = 1.5957691216F;  // 2*sqrt(2/pi)
    constexpr float kCubic = 0.0713548163F;   // 0.044715 times as much
    return x * (kCubic * scale * (x * x) + kLinear * scale);
}

/// The y of GELU's erf form in units of log(2): a minimax polynomial down to -6, where x * sigmoid(y)
/// is 0 for 16-bit results; it keeps growing beyond.
__device__ inline float gelu_erf_logit(float x) {
    const float square = x * x;
    float y = 2.53307782e-09F;
    y = y * square - 2.26367847e-07F;
    y = y * square + 7.91697255e-06F;
    y = y * square - 0.000122222501F;
    y = y * square - 0.000283863846F;
    y = y * square + 0.105249831F;
    y = y * square + 2.30193855F;
    return x * y;
}

/// For 16-bit results y is in units of log(2): 1 is this many.
template <DType kTypeC>
inline constexpr float kLogit = kTypeC == DType::f32 ? 1.0F : 1.44269504F;

/// x * sigmoid(y / kLogit<kTypeC>)
template <DType kTypeC>
__device__ inline float times_sigmoid(float x, float y) {
    return x * reciprocal(1.0F + (kTypeC == DType::f32 ? expf(-y) : power_of_2(-y)));
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
        case Activation::gelu_tanh:
            each([](float v) { return times_sigmoid<kTypeC>(v, gelu_tanh_logit(v, kLogit<kTypeC>)); });
            break;
        case Activation::gelu_erf:
            each([](float v) {
                return kTypeC == DType::f32 ? v * normcdff(v) : times_sigmoid<kTypeC>(v, gelu_erf_logit(v));
            });
            break;
        case Activation::silu:
            each([](float v) { return times_sigmoid<kTypeC>(v, kLogit<kTypeC> * v); });
            break;
    }
}

}  // namespace bsk
