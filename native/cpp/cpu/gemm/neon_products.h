#pragma once
// The inner loops of matrix products on arm64. A load brings four values (or four pairs of bf16) of a row, and each
// product takes one of them by its lane: a broadcast of every value would occupy the units that multiply. The order of
// a sum is that of gemm_tile.h and bf16_dot.h, so f32 has the bits of the set `portable`.
#include "cpu/primitives/storage.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

// c [kRows][kVectors] += rows a, of `channels` values each, times b [channels][width], of which kVectors vectors count.
template <int kVectors, int kRows>
inline __attribute__((always_inline)) void add_products(Vec (&c)[kRows][kVectors], const float* const* a,
                                                        int64_t channels, const float* b, int64_t width) {
  int64_t k = 0;
  for (; k + kLanes <= channels; k += kLanes, b += kLanes * width) {
    float32x4_t w[kLanes][kVectors];
#pragma GCC unroll 4
    for (int i = 0; i < kLanes; ++i) {
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) w[i][v] = vld1q_f32(b + i * width + v * kLanes);
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const float32x4_t x = vld1q_f32(a[r] + k);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) c[r][v] = (Vec)vfmaq_laneq_f32((float32x4_t)c[r][v], w[0][v], x, 0);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) c[r][v] = (Vec)vfmaq_laneq_f32((float32x4_t)c[r][v], w[1][v], x, 1);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) c[r][v] = (Vec)vfmaq_laneq_f32((float32x4_t)c[r][v], w[2][v], x, 2);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) c[r][v] = (Vec)vfmaq_laneq_f32((float32x4_t)c[r][v], w[3][v], x, 3);
    }
  }
  for (; k < channels; ++k, b += width) {
    float32x4_t w[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) w[v] = vld1q_f32(b + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const float32x4_t x = vld1q_dup_f32(a[r] + k);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) c[r][v] = (Vec)vfmaq_f32((float32x4_t)c[r][v], w[v], x);
    }
  }
}

#if defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)

// c + for each lane the two products of a pair of w with pair kPair of x. BFDOT rounds in its own way: numbers below
// the normal ones are zero, and both the sum of the products and its sum with c are rounded to odd.
template <int kPair>
inline __attribute__((always_inline)) Vec add_dots(Vec c, Vec w, Vec x) {
  return (Vec)vbfdotq_laneq_f32((float32x4_t)c, (bfloat16x8_t)w, (bfloat16x8_t)x, kPair);
}

// The same as add_products of `pairs` pairs of bf16, where b has [pairs][kVectors kLanes] words of two.
template <int kVectors, int kRows>
inline __attribute__((always_inline)) void add_pairs(Vec (&c)[kRows][kVectors], const Bf16* const* a, int64_t pairs,
                                                     const float* b) {
  typedef float Pair __attribute__((aligned(2), may_alias));
  constexpr int64_t kWidth = kVectors * kLanes;
  int64_t k = 0;
  for (; k + kLanes <= pairs; k += kLanes, b += kLanes * kWidth) {
    Vec w[kLanes][kVectors];
#pragma GCC unroll 4
    for (int i = 0; i < kLanes; ++i) {
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) w[i][v] = load(b + i * kWidth + v * kLanes);
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const Vec x = (Vec)vld1q_u16(&a[r][2 * k].bits);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) c[r][v] = add_dots<0>(c[r][v], w[0][v], x);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) c[r][v] = add_dots<1>(c[r][v], w[1][v], x);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) c[r][v] = add_dots<2>(c[r][v], w[2][v], x);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) c[r][v] = add_dots<3>(c[r][v], w[3][v], x);
    }
  }
  for (; k < pairs; ++k, b += kWidth) {
    Vec w[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) w[v] = load(b + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const Vec x = (Vec)vdupq_n_f32(reinterpret_cast<const Pair*>(a[r])[k]);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) c[r][v] = add_dots<0>(c[r][v], w[v], x);
    }
  }
}

#endif

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
