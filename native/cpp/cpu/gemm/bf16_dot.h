#pragma once
// Sums of products of bf16 by vectors. A sum runs over (tap, pair) in that order from zero; of a pair, the second
// product is added first, as by the instruction vdpbf16ps; BFMMLA of arm64 adds the two products to each other first.
// It does not depend on the tile, the batch or the threads.
#include "cpu/gemm/gemm_tile.h"
#include "cpu/primitives/storage.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

constexpr int kBf16Rows = kTileRows;

// The pairs of a run of values, of which the last may have a zero.
inline int64_t bf16_pairs(int64_t run) { return (run + 1) / 2; }

// What a thread needs around calls of bf16_sums with `pairs` pairs in a tap.
struct Bf16Scope {
  explicit Bf16Scope(int64_t) {}
  ~Bf16Scope() {}
};

// Values of scratch memory that `space_rows` takes for a tile, and its change of a tile's pointers: none.
inline int64_t spaced_values(int64_t, int64_t) { return 0; }
inline void space_rows(const Bf16**, int64_t, int64_t, Bf16*) {}

// rows: [taps][kBf16Rows] pointers to 2 `pairs` values each; a tap whose first pointer is null adds nothing.
// b: [taps][pairs][kVectors kLanes] words of two bf16. sums: [kBf16Rows][kVectors kLanes].
template <int kVectors>
__attribute__((noinline)) void bf16_product_plain(const Bf16* const* rows, int64_t taps, int64_t pairs, const float* b,
                                                  float* sums) {
  Vec c[kBf16Rows][kVectors] = {};
  for (int64_t tap = 0; tap < taps; ++tap, b += pairs * kVectors * kLanes) {
    const Bf16* const* a = rows + tap * kBf16Rows;
    if (!a[0]) continue;
    for (int64_t k = 0; k < pairs; ++k) {
      for (int v = 0; v < kVectors; ++v) {
        const Words w = (Words)load(b + (k * kVectors + v) * kLanes);
        const Vec low = (Vec)(w << 16), high = (Vec)(w & 0xffff0000u);
#pragma GCC unroll 14
        for (int r = 0; r < kBf16Rows; ++r) {
          c[r][v] += splat(value(a[r][2 * k + 1])) * high;
          c[r][v] += splat(value(a[r][2 * k])) * low;
        }
      }
    }
  }
  for (int r = 0; r < kBf16Rows; ++r) {
    for (int v = 0; v < kVectors; ++v) store(sums + (r * kVectors + v) * kLanes, c[r][v]);
  }
}

#if defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
template <int kVectors>
__attribute__((noinline)) void bf16_product_dot(const Bf16* const* rows, int64_t taps, int64_t pairs, const float* b,
                                                float* sums) {
  PairSums<kVectors, kBf16Rows> c;
  for (int64_t tap = 0; tap < taps; ++tap, b += pairs * kVectors * kLanes) {
    const Bf16* const* a = rows + tap * kBf16Rows;
    if (a[0]) c.add(a, pairs, b);
  }
  c.store(sums);
}
#elif defined(__AVX512F__)
template <int kVectors>
__attribute__((noinline, target("avx512bf16"))) void bf16_product_dot(const Bf16* const* rows, int64_t taps,
                                                                      int64_t pairs, const float* b, float* sums) {
  typedef float Pair __attribute__((aligned(2), may_alias));
  __m512 c[kBf16Rows][kVectors] = {};
  for (int64_t tap = 0; tap < taps; ++tap, b += pairs * kVectors * kLanes) {
    const Bf16* const* a = rows + tap * kBf16Rows;
    if (!a[0]) continue;
    for (int64_t k = 0; k < pairs; ++k) {
      __m512bh w[kVectors];
      for (int v = 0; v < kVectors; ++v) w[v] = (__m512bh)_mm512_loadu_ps(b + (k * kVectors + v) * kLanes);
#pragma GCC unroll 14
      for (int r = 0; r < kBf16Rows; ++r) {
        const __m512bh x = (__m512bh)_mm512_set1_ps(reinterpret_cast<const Pair*>(a[r])[k]);
        for (int v = 0; v < kVectors; ++v) c[r][v] = _mm512_dpbf16_ps(c[r][v], x, w[v]);
      }
    }
  }
#pragma GCC unroll 14
  for (int r = 0; r < kBf16Rows; ++r) {
    for (int v = 0; v < kVectors; ++v) _mm512_storeu_ps(sums + (r * kVectors + v) * kLanes, c[r][v]);
  }
}
#endif

template <int kVectors>
inline void bf16_product(const Bf16* const* rows, int64_t taps, int64_t pairs, const float* b, float* sums) {
#if defined(__AVX512F__)
  static const bool dot = __builtin_cpu_supports("avx512bf16");
  if (dot) return bf16_product_dot<kVectors>(rows, taps, pairs, b, sums);
#endif
#if defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
  bf16_product_dot<kVectors>(rows, taps, pairs, b, sums);
#else
  bf16_product_plain<kVectors>(rows, taps, pairs, b, sums);
#endif
}

// The sums of a tile in the columns of a panel of `width` columns.
inline void bf16_sums(const Bf16* const* rows, int64_t taps, int64_t pairs, const float* panel, int64_t width,
                      float* sums) {
  if (width == kPanel) return bf16_product<2>(rows, taps, pairs, panel, sums);
  bf16_product<1>(rows, taps, pairs, panel, sums);
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
