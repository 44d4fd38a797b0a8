#pragma once
// The unary functions of ops/unary.h, element by element in f32, in the same forms as cpu/activation.h. Their error is
// a few ulp, also far from zero. On devices they use the accurate functions of the CUDA math library (no fast-math).
#include "cuda/primitives/math.h"
#include "ops/elementwise/unary.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {

// exp(-|x|) never overflows, so the result is exact to one or two ulp on both sides of zero.
VC_DEVICE float sigmoid(float x) {
  const float e = ::expf(x < 0 ? x : -x);
  return (x < 0 ? e : 1.0f) / (1.0f + e);
}

VC_DEVICE float relu(float x) { return x < 0 ? 0.0f : x; }  // returns NaN for NaN

VC_DEVICE float activate(int kind, float x) {
  switch (kind) {
    case kRelu:
      return relu(x);
    case kSigmoid:
      return sigmoid(x);
    case kTanh:
      return ::tanhf(x);
    case kGelu:
      // erfc keeps the digits of the far left tail, which 1 + erf would cancel.
      return 0.5f * x * ::erfcf(-x * 0.70710678f);
    case kGeluTanh:
      return x * sigmoid(2 * 0.7978845608f * (x + 0.044715f * x * x * x));
    case kSwish:
      return x * sigmoid(x);
    case kExp:
      return ::expf(x);
    case kSoftplus:
      return (x > 0 ? x : 0.0f) + ::log1pf(::expf(x > 0 ? -x : x));
    default:
      return x;
  }
}

// The activation as a function call, for kernels with many instances that rarely need it. Inlined, the object of
// conv3d.cu for sm_90 would be 5.2 MB instead of 3.6 MB and would compile in 31 s instead of 22 s.
VC_DEVICE_CALLED float activate_called(int kind, float x) { return activate(kind, x); }

namespace detail {
template <int kKind, int N>
VC_DEVICE void activate_each(float (&v)[N]) {
#pragma unroll
  for (int i = 0; i < N; ++i) v[i] = activate(kKind, v[i]);
}
}  // namespace detail

// Applies the activation to N values; the kind is tested once for all of them.
template <int N>
VC_DEVICE void activate_all(int kind, float (&v)[N]) {
  switch (kind) {
    case kRelu:
      return detail::activate_each<kRelu>(v);
    case kSigmoid:
      return detail::activate_each<kSigmoid>(v);
    case kTanh:
      return detail::activate_each<kTanh>(v);
    case kGelu:
      return detail::activate_each<kGelu>(v);
    case kGeluTanh:
      return detail::activate_each<kGeluTanh>(v);
    case kSwish:
      return detail::activate_each<kSwish>(v);
    case kExp:
      return detail::activate_each<kExp>(v);
    case kSoftplus:
      return detail::activate_each<kSoftplus>(v);
    default:
      return;
  }
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
