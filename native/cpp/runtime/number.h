#pragma once
// Conversions as the hardware does them: round to nearest even, overflow to infinity, every NaN to that of the cvt
// instruction (0x7fff).
#include <cstdint>
#include <cstring>

namespace videoclip {

inline float float_of(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

inline uint32_t bits_of(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return bits;
}

inline bool is_nan_bits(uint32_t bits) { return (bits & 0x7fffffffu) > 0x7f800000u; }

inline float bf16_to_float(uint16_t half) { return float_of(static_cast<uint32_t>(half) << 16); }

inline uint16_t float_to_bf16(float x) {
  const uint32_t bits = bits_of(x);
  if (is_nan_bits(bits)) return 0x7fff;
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

inline float f16_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16, rest = half & 0x7fff;
  if (rest >= 0x7c00) return float_of(sign | 0x7f800000u | (rest & 0x3ff) << 13);
  // Scaling by a power of two is exact and handles subnormals.
  return float_of(sign | bits_of(float_of(rest << 13) * 0x1p112f));
}

inline uint16_t float_to_f16(float x) {
  const uint32_t bits = bits_of(x), magnitude = bits & 0x7fffffffu;
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  if (is_nan_bits(bits)) return 0x7fff;
  if (magnitude >= 0x477ff000u) return sign | 0x7c00;  // 65520 and above
  if (magnitude < 0x38800000u) {                       // below 2^-14 the ulp is 2^-24; adding 0.5 rounds to it
    return static_cast<uint16_t>(sign | (bits_of(float_of(magnitude) + 0.5f) - 0x3f000000u));
  }
  const uint32_t rounded = magnitude + 0xfff + ((magnitude >> 13) & 1);
  return static_cast<uint16_t>(sign | (rounded - 0x38000000u) >> 13);
}

// Rounds to 10 bits of mantissa; ties round away from zero.
inline uint32_t float_to_tf32(float x) {
  const uint32_t bits = bits_of(x);
  if ((bits & 0x7f800000u) == 0x7f800000u) return is_nan_bits(bits) ? 0x7fffffffu : bits;
  return (bits + 0x1000) & 0xffffe000u;
}

}  // namespace videoclip
