#pragma once
// Derivatives of the functions of activation.h.
#include "cpu/elementwise/activation.h"
#include "cpu/primitives/vector_math.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

// sigmoid(x) and sigmoid(-x), each without cancellation.
struct Sigmoids {
  Vec positive, negative;

  explicit Sigmoids(Vec x) {
    const Vec zero = {}, one = splat(1.0f);
    const Vec e = exp(x < zero ? x : -x), inverse = one / (one + e);
    positive = (x < zero ? e : one) * inverse;
    negative = (x < zero ? one : e) * inverse;
  }
};

inline Vec gelu_tanh_derivative(Vec x) {
  constexpr float kScale = 2 * 0.7978845608f;
  const Vec square = x * x;
  const Sigmoids s(splat(kScale) * x * (splat(1.0f) + splat(0.044715f) * square));
  const Vec slope = splat(kScale) * (splat(1.0f) + splat(3 * 0.044715f) * square);
  // Far from zero the slope of u would overflow, and its factor is 0.
  const Vec product = s.positive * s.negative;
  return s.positive + (product == Vec{} ? Vec{} : x * product * slope);
}

// Phi(x) + x phi(x). Both have the factor exp(-x^2 / 2).
inline Vec gelu_derivative(Vec x) {
  const Vec zero = {};
  Vec size = x < zero ? -x : x;
  size = size > splat(30.0f) ? splat(30.0f) : size;  // exp(-450) is 0; NaN stays NaN
  const Vec t = splat(0.70710678f) * size;
  const Vec tail = splat(0.5f) * erfc_right(t), slope = splat(0.39894228f) * size * exp(-t * t);
  return x < zero ? tail - slope : splat(1.0f) - tail + slope;
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
