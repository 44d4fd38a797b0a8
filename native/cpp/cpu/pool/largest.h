#pragma once
// Maxima of vectors in which NaN wins, as in PyTorch. A vector of bf16 has twice as many values as one of f32, since
// bf16 is compared as integers of the same order.
#include "cpu/primitives/storage.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

template <typename T>
struct Largest;

template <>
struct Largest<float> {
  using Vector = Vec;
  static constexpr int64_t kValues = kLanes;

  static Vector lowest() { return splat(-__builtin_inff()); }
  static Vector zero() { return Vec{}; }
  static Vector load(const float* p, int64_t n) { return load_some(p, n); }
  static void store(float* p, Vector v, int64_t n) { store_some(p, v, n); }
  static Vector of(Vector best, Vector x) { return ((best >= x) | (best != best)) ? best : x; }
};

template <>
struct Largest<Bf16> {
  typedef int16_t Vector __attribute__((vector_size(kLanes * 4), aligned(2), may_alias));
  static constexpr int64_t kValues = 2 * kLanes;

  static Vector lowest() { return order(Vector{} + static_cast<int16_t>(0xff80)); }
  static Vector zero() { return Vector{}; }
  static Vector load(const Bf16* p, int64_t n) {
    Vector x;
    if (n >= kValues) {
      x = *reinterpret_cast<const Vector*>(p);
    } else {
      Bf16 some[kValues] = {};
      for (int64_t i = 0; i < n; ++i) some[i] = p[i];
      x = *reinterpret_cast<const Vector*>(some);
    }
    const Vector magnitude = x & 0x7fff;
    return magnitude > 0x7f80 ? Vector{} + 0x7fff : order(x);
  }
  static void store(Bf16* p, Vector v, int64_t n) {
    const Vector x = order(v);
    if (n >= kValues) {
      *reinterpret_cast<Vector*>(p) = x;
    } else {
      std::memcpy(p, &x, static_cast<size_t>(n) * sizeof(Bf16));
    }
  }
  static Vector of(Vector best, Vector x) {
#if defined(__AVX512F__)
    return (Vector)_mm512_max_epi16((__m512i)best, (__m512i)x);
#elif defined(__AVX2__)
    return (Vector)_mm256_max_epi16((__m256i)best, (__m256i)x);
#elif defined(VIDEOCLIP_NEON)
    return (Vector)vmaxq_s16((int16x8_t)best, (int16x8_t)x);
#else
    return best > x ? best : x;
#endif
  }

 private:
  // From bits to integers in the order of the values, and back. The one below all others is the negative NaN.
  static Vector order(Vector x) { return x ^ (x >> 15 & 0x7fff); }
};

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
