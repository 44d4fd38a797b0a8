#pragma once
// The storage types of activations, f32 and bf16. A kernel that is a template on the type loads and stores vectors of
// f32 with either; a store rounds to the nearest bf16, ties to even.
#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

struct Bf16 {
  uint16_t bits;
};

typedef uint32_t Words __attribute__((vector_size(kLanes * 4), aligned(4)));
typedef uint16_t Halves __attribute__((vector_size(kLanes * 2), aligned(2), may_alias));

// The bf16 of a float in the low half of a word. NaN stays NaN.
inline uint32_t to_bf16(float x) {
  uint32_t u;
  std::memcpy(&u, &x, sizeof u);
  return (u & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : (u + 0x7fff + ((u >> 16) & 1)) >> 16;
}
// to_bf16 of every lane.
inline Words round_words(Vec x) {
  const Words u = (Words)x, rounded = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
  return x != x ? Words{} + 0x7fc0u : rounded;
}

inline float value(float x) { return x; }
inline float value(Bf16 x) {
  const uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
  float y;
  std::memcpy(&y, &bits, sizeof y);
  return y;
}
inline void set(float* p, float x) { *p = x; }
inline void set(Bf16* p, float x) { p->bits = static_cast<uint16_t>(to_bf16(x)); }

inline Vec load(const Bf16* p) {
  const Halves halves = *reinterpret_cast<const Halves*>(p);
  return (Vec)(__builtin_convertvector(halves, Words) << 16);
}
inline Vec load_some(const Bf16* p, int64_t n) {
  if (n >= kLanes) return load(p);
#if defined(__AVX512F__)
  const __m256i halves = _mm256_maskz_loadu_epi16(static_cast<__mmask16>((1u << n) - 1), p);
  return (Vec)((Words)_mm512_maskz_cvtepu16_epi32(0xffff, halves) << 16);
#else
  Bf16 some[kLanes] = {};
  for (int64_t i = 0; i < n; ++i) some[i] = p[i];
  return load(some);
#endif
}
inline void store(Bf16* p, Vec v) {
#if defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
  *reinterpret_cast<Halves*>(p) = (Halves)vcvt_bf16_f32((float32x4_t)v);
#else
  *reinterpret_cast<Halves*>(p) = __builtin_convertvector(round_words(v), Halves);
#endif
}
inline void store_some(Bf16* p, Vec v, int64_t n) {
  if (n >= kLanes) return store(p, v);
#if defined(__AVX512F__)
  const __m256i halves = (__m256i) __builtin_convertvector(round_words(v), Halves);
  _mm256_mask_storeu_epi16(p, static_cast<__mmask16>((1u << n) - 1), halves);
#else
  Bf16 some[kLanes];
  store(some, v);
  for (int64_t i = 0; i < n; ++i) p[i] = some[i];
#endif
}
// See simd.h.
inline void stream(Bf16* p, Vec v) {
#if defined(__AVX512F__)
  const __m256i halves = (__m256i) __builtin_convertvector(round_words(v), Halves);
  _mm256_stream_si256(reinterpret_cast<__m256i*>(p), halves);
#else
  store(p, v);
#endif
}

// Copies `n` values past the caches where they fill vectors of `out`.
template <typename T>
inline void stream_copy(T* out, const T* from, int64_t n) {
  int64_t i = 0;
  for (; i < n && reinterpret_cast<uintptr_t>(out + i) % (kLanes * sizeof(T)); ++i) out[i] = from[i];
  for (; i + kLanes <= n; i += kLanes) stream(out + i, load(from + i));
  for (; i < n; ++i) out[i] = from[i];
  stream_end();
}

// Copies `n` values to `to`, with zeros up to `padded`.
template <typename T>
inline void copy_padded(const T* from, int64_t n, T* to, int64_t padded) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 2) {
    for (int64_t i = 0; i < padded; i += 32) {
      const auto mask = [i](int64_t count) {
        return static_cast<__mmask32>(count - i >= 32 ? ~0u : (1u << max64(0, count - i)) - 1);
      };
      _mm512_mask_storeu_epi16(to + i, mask(padded), _mm512_maskz_loadu_epi16(mask(n), from + i));
    }
    return;
  }
#endif
  std::memcpy(to, from, static_cast<size_t>(n) * sizeof(T));
  std::memset(to + n, 0, static_cast<size_t>(padded - n) * sizeof(T));
}

// Elements of a tensor of storage type T, and its rows.
template <typename T>
inline T* values(const Tensor& t) {
  return reinterpret_cast<T*>(t.data);
}
template <typename T>
struct RowsOf {
  T* data;
  int64_t rows, channels, stride;

  explicit RowsOf(const Tensor& t) : data(values<T>(t)) {
    const Rows r(t);
    rows = r.rows, channels = r.channels, stride = r.stride;
  }
};

// Calls run(T{}) with the storage type of a tensor.
template <typename F>
inline auto for_storage(const Tensor& x, const F& run) {
  return x.dtype == DType::bf16 ? run(Bf16{}) : run(0.0f);
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
