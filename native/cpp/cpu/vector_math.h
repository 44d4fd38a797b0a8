#pragma once
// exp of vectors: within one ulp of the exact value (two without fused multiply-add), subnormal results included.
#include "cpu/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

typedef int32_t Int32s __attribute__((vector_size(kLanes * 4), aligned(4)));

// a 2^n for integral n in [-300, 300], rounded once where the result is subnormal.
inline Vec scale_by_power(Vec a, Vec n) {
#if defined(__AVX512F__)
  return (Vec)_mm512_maskz_scalef_ps(0xffff, (__m512)a, (__m512)n);  // the plain form warns with GCC 12
#else
  // 2^n itself may lie outside the normal range: two factors that do not
  const Int32s whole = __builtin_convertvector(n, Int32s), half = whole >> 1;
  return a * (Vec)((half + 127) << 23) * (Vec)((whole - half + 127) << 23);
#endif
}

// exp(x) = 2^n exp(r) with n = round(x / ln 2), |r| <= ln(2) / 2. exp(0) is 1 and exp(-inf) is 0, exactly.
inline Vec exp(Vec x) {
  // beyond these the result is 0 or infinite anyway; NaN passes
  x = x < splat(-104.0f) ? splat(-104.0f) : x;
  x = x > splat(89.0f) ? splat(89.0f) : x;
  constexpr float kRound = 12582912.0f;  // 1.5 2^23: adding it leaves no bits for a fraction
  const Vec n = (x * splat(1.44269504f) + splat(kRound)) - splat(kRound);
  // ln 2 in two parts: n times the first, of 9 bits, is exact
  const Vec r = (x - n * splat(0.693359375f)) - n * splat(-2.12194440e-4f);
  // minimax for the relative error, 4e-9 in exact arithmetic
  Vec p = splat(1.38145988e-3f);
  p = p * r + splat(8.36871658e-3f);
  p = p * r + splat(4.16683890e-2f);
  p = p * r + splat(0.166665211f);
  p = p * r + splat(0.49999994f);
  return scale_by_power((r * r) * p + r + splat(1.0f), n);
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
