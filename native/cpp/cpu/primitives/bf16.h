#pragma once
// bf16 on the CPU: rounding, and the micro-kernel of gemm_tile.h on pairs of bf16 with sums in f32.
#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

inline int64_t bf16_pairs(int64_t run) { return (run + 1) / 2; }

// Rounds to nearest even; NaN stays NaN.
inline uint32_t to_bf16(float x) {
  uint32_t u;
  std::memcpy(&u, &x, sizeof u);
  return (u & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : (u + 0x7fff + ((u >> 16) & 1)) >> 16;
}

// Rounds `run` floats to pairs of bf16 in 32-bit words. An odd run is padded with a zero.
inline void round_run(const float* in, int64_t run, float* out) {
  uint16_t* half = reinterpret_cast<uint16_t*>(out);
  for (int64_t i = 0; i < run; ++i) half[i] = static_cast<uint16_t>(to_bf16(in[i]));
  if (run % 2) half[run] = 0;
}

typedef uint32_t Words __attribute__((vector_size(kLanes * 4), aligned(4)));

// to_bf16 of every lane.
inline Words round_words(Vec x) {
  const Words u = (Words)x, rounded = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
  return x != x ? Words{} + 0x7fc0u : rounded;
}

// Rounds kLanes floats to kLanes / 2 words of two bf16.
inline void round_pairs(Vec x, float* out) {
  typedef uint64_t Pairs __attribute__((vector_size(kLanes * 4)));
  typedef uint32_t Half __attribute__((vector_size(kLanes * 2)));
  const Pairs pairs = (Pairs)round_words(x);
  const Half words = __builtin_convertvector(pairs | pairs >> 16, Half);
  std::memcpy(out, &words, sizeof words);
}

// The same as gemm_tile, on words of two bf16, for processors without the bf16 instruction.
template <int kVectors>
__attribute__((noinline)) void gemm_tile_bf16_plain(const float* const* rows, int64_t taps, int64_t words,
                                                    const float* b, float* out) {
  Vec c[kTileRows][kVectors] = {};
  for (int64_t tap = 0; tap < taps; ++tap, b += words * kVectors * kLanes) {
    const float* const* a = rows + tap * kTileRows;
    if (!a[0]) continue;
    for (int64_t k = 0; k < words; ++k) {
      for (int v = 0; v < kVectors; ++v) {
        const Words w = (Words)load(b + (k * kVectors + v) * kLanes);
        const Vec low = (Vec)(w << 16), high = (Vec)(w & 0xffff0000u);
#pragma GCC unroll 14
        for (int r = 0; r < kTileRows; ++r) {
          uint32_t x;
          std::memcpy(&x, a[r] + k, sizeof x);
          const uint32_t first = x << 16, second = x & 0xffff0000u;
          float f, s;
          std::memcpy(&f, &first, sizeof f);
          std::memcpy(&s, &second, sizeof s);
          c[r][v] += splat(s) * high;
          c[r][v] += splat(f) * low;
        }
      }
    }
  }
  for (int r = 0; r < kTileRows; ++r) {
    for (int v = 0; v < kVectors; ++v) store(out + (r * kVectors + v) * kLanes, c[r][v]);
  }
}

#if defined(__AVX512F__)
template <int kVectors>
__attribute__((noinline, target("avx512bf16"))) void gemm_tile_bf16_dot(const float* const* rows, int64_t taps,
                                                                        int64_t words, const float* b, float* out) {
  __m512 c[kTileRows][kVectors] = {};
  for (int64_t tap = 0; tap < taps; ++tap, b += words * kVectors * kLanes) {
    const float* const* a = rows + tap * kTileRows;
    if (!a[0]) continue;
    for (int64_t k = 0; k < words; ++k) {
      __m512bh w[kVectors];
      for (int v = 0; v < kVectors; ++v) w[v] = (__m512bh)_mm512_loadu_ps(b + (k * kVectors + v) * kLanes);
#pragma GCC unroll 14
      for (int r = 0; r < kTileRows; ++r) {
        const __m512bh x = (__m512bh)_mm512_set1_ps(a[r][k]);
        for (int v = 0; v < kVectors; ++v) c[r][v] = _mm512_dpbf16_ps(c[r][v], x, w[v]);
      }
    }
  }
#pragma GCC unroll 14
  for (int r = 0; r < kTileRows; ++r) {
    for (int v = 0; v < kVectors; ++v) _mm512_storeu_ps(out + (r * kVectors + v) * kLanes, c[r][v]);
  }
}
#endif

template <int kVectors>
inline void gemm_tile_bf16(const float* const* rows, int64_t taps, int64_t words, const float* b, float* out) {
#if defined(__AVX512F__)
  static const bool dot = __builtin_cpu_supports("avx512bf16");
  if (dot) return gemm_tile_bf16_dot<kVectors>(rows, taps, words, b, out);
#endif
  gemm_tile_bf16_plain<kVectors>(rows, taps, words, b, out);
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
