#pragma once
// Storage types and their conversions. Arithmetic is done in float; memory and tensor cores hold bf16 and f16.
#include "cuda/primitives/target.h"

#if defined(VIDEOCLIP_EMULATED)
#include "runtime/number.h"
#endif

namespace videoclip {
namespace VIDEOCLIP_CUDA {

struct bf16 {
  uint16_t bits;
};

struct f16 {
  uint16_t bits;
};

template <typename T>
constexpr bool is_floating = false;
template <>
constexpr bool is_floating<float> = true;
template <>
constexpr bool is_floating<bf16> = true;
template <>
constexpr bool is_floating<f16> = true;

// N values that one instruction loads or stores.
template <typename T, int N>
struct alignas(sizeof(T) * N) Packed {
  static_assert(sizeof(T) * N == 4 || sizeof(T) * N == 8 || sizeof(T) * N == 16, "4, 8 or 16 bytes");
  T v[N];
  VC_HOST_DEVICE T& operator[](int i) { return v[i]; }
  VC_HOST_DEVICE const T& operator[](int i) const { return v[i]; }
};

#if defined(VIDEOCLIP_EMULATED)

VC_DEVICE float to_float(bf16 x) { return videoclip::bf16_to_float(x.bits); }
VC_DEVICE float to_float(f16 x) { return videoclip::f16_to_float(x.bits); }
VC_DEVICE uint32_t to_tf32(float x) { return videoclip::float_to_tf32(x); }
VC_DEVICE float bits_to_float(uint32_t bits) { return videoclip::float_of(bits); }
VC_DEVICE uint32_t float_to_bits(float x) { return videoclip::bits_of(x); }

namespace detail {
VC_DEVICE void round_to(float x, float* out) { *out = x; }
VC_DEVICE void round_to(float x, bf16* out) { out->bits = videoclip::float_to_bf16(x); }
VC_DEVICE void round_to(float x, f16* out) { out->bits = videoclip::float_to_f16(x); }
VC_DEVICE uint32_t round_pair(float low, float high, const bf16*) {
  return videoclip::float_to_bf16(low) | static_cast<uint32_t>(videoclip::float_to_bf16(high)) << 16;
}
VC_DEVICE uint32_t round_pair(float low, float high, const f16*) {
  return videoclip::float_to_f16(low) | static_cast<uint32_t>(videoclip::float_to_f16(high)) << 16;
}
}  // namespace detail

#else

VC_DEVICE float to_float(bf16 x) { return __uint_as_float(static_cast<uint32_t>(x.bits) << 16); }
VC_DEVICE float to_float(f16 x) {
  float y;
  asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
  return y;
}
// Rounds to nearest; ties round away from zero.
VC_DEVICE uint32_t to_tf32(float x) {
  uint32_t y;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(y) : "f"(x));
  return y;
}
VC_DEVICE float bits_to_float(uint32_t bits) { return __uint_as_float(bits); }
VC_DEVICE uint32_t float_to_bits(float x) { return __float_as_uint(x); }

namespace detail {
VC_DEVICE void round_to(float x, float* out) { *out = x; }
VC_DEVICE void round_to(float x, bf16* out) { asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(out->bits) : "f"(x)); }
VC_DEVICE void round_to(float x, f16* out) { asm("cvt.rn.f16.f32 %0, %1;" : "=h"(out->bits) : "f"(x)); }
VC_DEVICE uint32_t round_pair(float low, float high, const bf16*) {
  uint32_t y;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low));
  return y;
}
VC_DEVICE uint32_t round_pair(float low, float high, const f16*) {
  uint32_t y;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low));
  return y;
}
}  // namespace detail

#endif

VC_DEVICE float to_float(float x) { return x; }
VC_DEVICE float to_float(uint8_t x) { return static_cast<float>(x); }

// Rounds to nearest even. NaN stays NaN; overflow gives infinity.
template <typename T>
VC_DEVICE T from_float(float x) {
  T out;
  detail::round_to(x, &out);
  return out;
}

// Two bf16 or f16 values in one register, with `low` in the lower half. This is one register of an mma fragment.
template <typename T>
VC_DEVICE uint32_t pack_pair(float low, float high) {
  return detail::round_pair(low, high, static_cast<const T*>(nullptr));
}

// The two values of a register made by pack_pair.
template <typename T>
VC_DEVICE Packed<T, 2> unpack_pair(uint32_t pair) {
  return {{{static_cast<uint16_t>(pair)}, {static_cast<uint16_t>(pair >> 16)}}};
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
