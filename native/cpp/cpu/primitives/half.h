#pragma once
// f16 in memory as f32 in registers.
#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

inline float from_half(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16, rest = static_cast<uint32_t>(h & 0x7fff) << 13;
  uint32_t bits = rest;
  float magnitude, shift;
  const uint32_t power = 0x77800000;  // 2^112: from f16's bias of 15 to f32's of 127, subnormals included
  std::memcpy(&magnitude, &bits, sizeof bits);
  std::memcpy(&shift, &power, sizeof power);
  magnitude *= shift;
  std::memcpy(&bits, &magnitude, sizeof bits);
  if (rest >= 0x0f800000) bits = rest | 0x7f800000;  // inf, NaN
  bits |= sign;
  std::memcpy(&magnitude, &bits, sizeof bits);
  return magnitude;
}

inline Vec load(const uint16_t* p) {
#if defined(__AVX512F__)
  return (Vec)_mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
#elif defined(__AVX2__)
  return (Vec)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
#elif defined(VIDEOCLIP_NEON)
  return (Vec)vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
#else
  Vec v;
  for (int i = 0; i < kLanes; ++i) v[i] = from_half(p[i]);
  return v;
#endif
}
inline Vec load_some(const uint16_t* p, int64_t n) {
  if (n >= kLanes) return load(p);
  uint16_t some[kLanes] = {};
  for (int64_t i = 0; i < n; ++i) some[i] = p[i];
  return load(some);
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
