#pragma once
// Operations across the lanes of vectors: sums and maxima in a fixed order, 16 x 16 (8 x 8, 4 x 4) transposes.
#include <utility>

#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

// Blocks of `kStep` lanes of a and b: the even blocks of both, or the odd ones.
template <int kStep, int... kLane>
inline Vec even_blocks(Vec a, Vec b, std::integer_sequence<int, kLane...>) {
  return __builtin_shufflevector(a, b, (kLane & kStep ? kLanes + kLane - kStep : kLane)...);
}
template <int kStep, int... kLane>
inline Vec odd_blocks(Vec a, Vec b, std::integer_sequence<int, kLane...>) {
  return __builtin_shufflevector(a, b, (kLane & kStep ? kLanes + kLane : kLane + kStep)...);
}
template <int kStep>
inline Vec even_blocks(Vec a, Vec b) {
  return even_blocks<kStep>(a, b, std::make_integer_sequence<int, kLanes>());
}
template <int kStep>
inline Vec odd_blocks(Vec a, Vec b) {
  return odd_blocks<kStep>(a, b, std::make_integer_sequence<int, kLanes>());
}

// Halves the number of lanes that hold parts of a sum: adds lanes l and l ^ kStep of a, and those of b beside them.
template <int kStep>
inline Vec fold_lanes(Vec a, Vec b) {
  return even_blocks<kStep>(a, b) + odd_blocks<kStep>(a, b);
}

template <int kStep = kLanes / 2>
inline float sum_lanes(Vec v) {
  if constexpr (kStep == 0) {
    return v[0];
  } else {
    return sum_lanes<kStep / 2>(fold_lanes<kStep>(v, v));
  }
}

// `sum_lanes` of four vectors at once: lane kLanes / 4 * sum_place(r) has the sum of v[r].
inline int sum_place(int r) { return r == 1 ? 2 : r == 2 ? 1 : r; }
template <int kStep>
inline Vec sum_rest(Vec v) {
  if constexpr (kStep == 0) {
    return v;
  } else {
    return sum_rest<kStep / 2>(fold_lanes<kStep>(v, v));
  }
}
inline Vec sum_four(const Vec* v) {
  const Vec low = fold_lanes<kLanes / 2>(v[0], v[1]), high = fold_lanes<kLanes / 2>(v[2], v[3]);
  return sum_rest<kLanes / 8>(fold_lanes<kLanes / 4>(low, high));
}

inline Vec maximum(Vec a, Vec b) { return a > b ? a : b; }  // returns b if either is NaN

template <int kStep = kLanes / 2>
inline float max_lanes(Vec v) {
  if constexpr (kStep == 0) {
    return v[0];
  } else {
    return max_lanes<kStep / 2>(maximum(even_blocks<kStep>(v, v), odd_blocks<kStep>(v, v)));
  }
}

// rows[i][j] to rows[j][i]
template <int kStep = kLanes / 2>
inline void transpose(Vec* rows) {
  if constexpr (kStep > 0) {
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) {
      if (i & kStep) continue;
      const Vec a = rows[i], b = rows[i + kStep];
      rows[i] = even_blocks<kStep>(a, b);
      rows[i + kStep] = odd_blocks<kStep>(a, b);
    }
    transpose<kStep / 2>(rows);
  }
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
