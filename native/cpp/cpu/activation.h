#pragma once
#include <cmath>

#include "cpu/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

// exp(-|x|) never overflows, so both sides of zero are exact to the last place or two.
inline float sigmoid(float x) {
  const float e = std::exp(x < 0 ? x : -x);
  return (x < 0 ? e : 1.0f) / (1.0f + e);
}

inline float activate(int kind, float x) {
  switch (kind) {
    case 0:
      return x < 0 ? 0.0f : x;
    case 1:
      return sigmoid(x);
    case 2:
      return std::tanh(x);
    case 3:
      // erfc keeps the digits of the far left tail that 1 + erf cancels
      return 0.5f * x * std::erfc(-x * 0.70710678f);
    case 4: {
      const float u = 0.7978845608f * (x + 0.044715f * x * x * x);
      return x * sigmoid(2 * u);
    }
    case 5:
      return x * sigmoid(x);
    case 6:
      return std::exp(x);
    case 7:
      return (x > 0 ? x : 0.0f) + std::log1p(std::exp(x > 0 ? -x : x));
    default:
      return x;
  }
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
