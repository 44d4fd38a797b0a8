#pragma once
// exp of vectors, within one ulp of the exact value (two without fused multiply-add), subnormal results included; tanh,
// sigmoid and the tail of the normal distribution are computed from it.
#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

typedef int32_t Int32s __attribute__((vector_size(kLanes * 4), aligned(4)));

// a 2^n for integral n in [-300, 300], rounded once if the result is subnormal.
inline Vec scale_by_power(Vec a, Vec n) {
#if defined(__AVX512F__)
  return (Vec)_mm512_maskz_scalef_ps(0xffff, (__m512)a, (__m512)n);  // the plain form warns with GCC 12
#else
  // 2^n itself may be outside the normal range, so it is split into two factors that are not.
  const Int32s whole = __builtin_convertvector(n, Int32s), half = whole >> 1;
  return a * (Vec)((half + 127) << 23) * (Vec)((whole - half + 127) << 23);
#endif
}

// exp(x) = 2^n exp(r) with n = round(x / ln 2), |r| <= ln(2) / 2. exp(0) is 1 and exp(-inf) is 0, exactly.
inline Vec exp(Vec x) {
  // Beyond these bounds the result is 0 or infinite; NaN stays NaN.
  x = x < splat(-104.0f) ? splat(-104.0f) : x;
  x = x > splat(89.0f) ? splat(89.0f) : x;
  constexpr float kRound = 12582912.0f;  // 1.5 2^23: adding it leaves no bits for a fraction
  const Vec n = (x * splat(1.44269504f) + splat(kRound)) - splat(kRound);
  // ln 2 is split into two parts: n times the first, of 9 bits, is exact.
  const Vec r = (x - n * splat(0.693359375f)) - n * splat(-2.12194440e-4f);
  // minimax for the relative error, 4e-9 in exact arithmetic
  Vec p = splat(1.38145988e-3f);
  p = p * r + splat(8.36871658e-3f);
  p = p * r + splat(4.16683890e-2f);
  p = p * r + splat(0.166665211f);
  p = p * r + splat(0.49999994f);
  return scale_by_power((r * r) * p + r + splat(1.0f), n);
}

// exp(-|x|) never overflows, so the result is exact to one or two ulp on both sides of zero.
inline Vec sigmoid(Vec x) {
  const Vec zero = {}, one = splat(1.0f);
  const Vec e = exp(x < zero ? x : -x);
  return (x < zero ? e : one) / (one + e);
}

// Near zero x + x^3 P(x^2), minimax to 6e-9; beyond, from exp(-2|x|), which cannot overflow. Within 2 ulp.
inline Vec tanh(Vec x) {
  const Vec zero = {}, one = splat(1.0f), square = x * x;
  Vec p = splat(-5.590959917753935e-3f);
  p = p * square + splat(2.053876966238022e-2f);
  p = p * square + splat(-5.3709641098976135e-2f);
  p = p * square + splat(0.13331091403961182f);
  p = p * square + splat(-0.33333268761634827f);
  const Vec near = x + x * (square * p);
  const Vec size = x < zero ? -x : x;
  const Vec e = exp(splat(-2.0f) * size), far = (one - e) / (one + e);
  return size < splat(0.64f) ? near : x < zero ? -far : far;
}

// erfc(t) for t in [0, 10] as exp(-t^2) q P(q) with q = 1 / (1 + 0.35 t) (the form of Abramowitz and Stegun 7.1.26,
// with P of degree 9, minimax for the relative error: 8e-9). The error is within 5e-7 up to t = 2 and 5e-6 at 10, where
// t^2 is rounded.
inline Vec erfc_right(Vec t) {
  const Vec q = splat(1.0f) / (splat(1.0f) + splat(0.35f) * t);
  Vec p = splat(3.908200562000275e-2f);
  p = p * q + splat(-0.16273197531700134f);
  p = p * q + splat(0.19068613648414612f);
  p = p * q + splat(-4.043273627758026e-2f);
  p = p * q + splat(9.800661355257034e-2f);
  p = p * q + splat(0.13989737629890442f);
  p = p * q + splat(0.15340813994407654f);
  p = p * q + splat(0.18740229308605194f);
  p = p * q + splat(0.19720184803009033f);
  p = p * q + splat(0.19748032093048096f);
  return exp(-t * t) * (q * p);
}

// x Phi(x). Left of zero, erfc keeps the digits of the tail, which 1 + erf would cancel.
inline Vec gelu(Vec x) {
  const Vec zero = {};
  Vec size = x < zero ? -x : x;
  size = size > splat(30.0f) ? splat(30.0f) : size;  // the tail is 0 long before; NaN stays NaN
  const Vec tail = splat(0.5f) * size * erfc_right(splat(0.70710678f) * size);  // |x| Phi(-|x|)
  return x < zero ? -tail : x - tail;
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
