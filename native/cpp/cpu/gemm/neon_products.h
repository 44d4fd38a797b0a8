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

// Sums of an even number of rows times kVectors vectors of columns, by BFMMLA. An accumulator has the sums of two rows
// and two columns: row 0 column 0, row 0 column 1, then row 1. To each of them BFMMLA adds two pairs, one after the
// other, each as BFDOT does: numbers below the normal ones are zero, and both the sum of the two products and its sum
// with the accumulator are rounded to odd.
template <int kVectors, int kRows>
class PairSums {
  static_assert(kRows % 2 == 0, "an accumulator has two rows");

 public:
  // Adds rows a, of `pairs` pairs of bf16 each, times b [pairs][kVectors kLanes] words of two.
  inline __attribute__((always_inline)) void add(const Bf16* const* a, int64_t pairs, const float* b) {
    bfloat16x8_t x[kRows / 2];  // two pairs of a row, and those of the next row
    int64_t k = 0;
    for (; k + 2 <= pairs; k += 2, b += 2 * kWidth) {
#pragma GCC unroll 4
      for (int r = 0; r < kRows / 2; ++r) {
        const uint16_t *upper = &a[2 * r][2 * k].bits, *lower = &a[2 * r + 1][2 * k].bits;
        x[r] = (bfloat16x8_t)vcombine_u16(vld1_u16(upper), vld1_u16(lower));
      }
      multiply(x, b, b + kWidth);
    }
    if (k == pairs) return;
    typedef uint32_t Pair __attribute__((aligned(2), may_alias));
#pragma GCC unroll 4
    for (int r = 0; r < kRows / 2; ++r) {
      const Pair *upper = reinterpret_cast<const Pair*>(a[2 * r]), *lower = reinterpret_cast<const Pair*>(a[2 * r + 1]);
      x[r] = (bfloat16x8_t)vcombine_u64(vcreate_u64(upper[k]), vcreate_u64(lower[k]));
    }
    multiply(x, b, nullptr);
  }

  // sums [kRows][kVectors kLanes].
  inline __attribute__((always_inline)) void store(float* sums) const {
#pragma GCC unroll 4
    for (int r = 0; r < kRows / 2; ++r) {
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) {
        const uint64x2_t left = vreinterpretq_u64_f32(sums_[r][2 * v]);
        const uint64x2_t right = vreinterpretq_u64_f32(sums_[r][2 * v + 1]);
        float* to = sums + 2 * r * kWidth + v * kLanes;
        vst1q_f32(to, vreinterpretq_f32_u64(vzip1q_u64(left, right)));
        vst1q_f32(to + kWidth, vreinterpretq_f32_u64(vzip2q_u64(left, right)));
      }
    }
  }

 private:
  static constexpr int64_t kWidth = kVectors * kLanes;

  // Adds x times the words `first` of a pair and `second` of the next pair; null for zeros.
  inline __attribute__((always_inline)) void multiply(const bfloat16x8_t (&x)[kRows / 2], const float* first,
                                                      const float* second) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      const float32x4_t w = vld1q_f32(first + v * kLanes);
      const float32x4_t next = second ? vld1q_f32(second + v * kLanes) : vdupq_n_f32(0);
      const auto left = (bfloat16x8_t)vzip1q_f32(w, next), right = (bfloat16x8_t)vzip2q_f32(w, next);
#pragma GCC unroll 4
      for (int r = 0; r < kRows / 2; ++r) {
        sums_[r][2 * v] = vbfmmlaq_f32(sums_[r][2 * v], x[r], left);
        sums_[r][2 * v + 1] = vbfmmlaq_f32(sums_[r][2 * v + 1], x[r], right);
      }
    }
  }

  float32x4_t sums_[kRows / 2][2 * kVectors] = {};
};

#endif

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
