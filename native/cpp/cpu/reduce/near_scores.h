#pragma once
// Scores of queries and rows that are rounded to bf16, whose products take half the time of those of f32, and how far
// they are at most from the scores in f32. They tell which rows cannot be among the best.
#include <cmath>
#include <limits>

#include "cpu/primitives/half.h"
#include "cpu/primitives/lanes.h"
#include "cpu/primitives/storage.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int64_t kNearLanes = 2 * kLanes;

inline bool has_near_scores() {
  static const bool has = __builtin_cpu_supports("avx512bf16");
  return has;
}

// Values of a rounded row, with zeros behind `depth`.
inline int64_t near_depth(int64_t depth) { return ceil_div(depth, kNearLanes) * kNearLanes; }

constexpr int64_t kNearAheadBytes = 2048;  // from the line in use to the one being prefetched

// The norms of a vector and of what rounding takes from it, or a little more. Infinity stands for norms that f32 does
// not hold well.
struct Norms {
  float whole, error;
};

// Rounds a row.
template <typename T>
__attribute__((noinline, target("avx512bf16"))) Norms round_row(const T* row, int64_t depth, Bf16* out) {
  Vec squares[2] = {}, errors[2] = {};
  for (int64_t d = 0; d < depth; d += kNearLanes, out += kNearLanes) {
    const int64_t rest = depth - d;
    for (int64_t byte = 0; byte < kNearLanes * static_cast<int64_t>(sizeof(T)); byte += 64) {
      __builtin_prefetch(reinterpret_cast<const char*>(row + d) + kNearAheadBytes +
                         byte);  // past the end it does nothing
    }
    const Vec low = load_some(row + d, rest), high = rest > kLanes ? load_some(row + d + kLanes, rest - kLanes) : Vec{};
    const __m512i both = (__m512i)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low);
    _mm512_storeu_si512(out, both);
    const Vec low_error = low - load(out), high_error = high - load(out + kLanes);
    squares[0] += low * low, squares[1] += high * high;
    errors[0] += low_error * low_error, errors[1] += high_error * high_error;
  }
  const float square = sum_lanes(squares[0] + squares[1]), error = sum_lanes(errors[0] + errors[1]);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  // the square of f16 does not become too small
  if (!(square < 1e30f && (sizeof(T) == 2 || square > 1e-10f))) return {kInfinity, kInfinity};
  return {std::sqrt(square) * 1.001f, std::sqrt(error) * 1.001f};
}

// The distance of a near score from the score in f32 is at most q.whole r.error + q.error r.whole, with q.error from
// here: it includes the rounding of both sums, by up to 2^-24 for each product, and the rounding of the rounded query's
// norm.
inline Norms query_norms(Norms q, int64_t depth) {
  return {q.whole * 1.01f, q.error + q.whole * static_cast<float>(depth) * 0x1p-22f};
}
constexpr float kNearTiny = 1e-20f;  // more than the products that count as zero

// The rows, of 4, whose near scores say that their scores are below the threshold, as bits.
inline int below(const float* near, const Norms& q, const float* whole, const float* error, float threshold) {
  const __m128 part = _mm_fmadd_ps(_mm_set1_ps(q.error), _mm_loadu_ps(whole), _mm_set1_ps(kNearTiny));
  const __m128 most = _mm_fmadd_ps(_mm_set1_ps(q.whole), _mm_loadu_ps(error), part);
  return _mm_movemask_ps(_mm_cmplt_ps(_mm_add_ps(_mm_load_ps(near), most), _mm_set1_ps(threshold)));
}

// near[q][r] for kCount queries and 4 rows of near_depth(depth) values.
template <int kCount>
__attribute__((noinline, target("avx512bf16"))) void near_scores(const Bf16* const* query, const Bf16* const* row,
                                                                 int64_t depth, float (*near)[4]) {
  __m512 sum[kCount][4] = {};
  for (int64_t d = 0; d < depth; d += kNearLanes) {
    __m512bh x[4];
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) x[r] = (__m512bh)_mm512_loadu_si512(row[r] + d);
#pragma GCC unroll 6
    for (int q = 0; q < kCount; ++q) {
      const __m512bh y = (__m512bh)_mm512_loadu_si512(query[q] + d);
#pragma GCC unroll 4
      for (int r = 0; r < 4; ++r) sum[q][r] = _mm512_dpbf16_ps(sum[q][r], x[r], y);
    }
  }
#pragma GCC unroll 6
  for (int q = 0; q < kCount; ++q) {
    const Vec four = sum_four(reinterpret_cast<const Vec*>(sum[q]));
    typedef float Four __attribute__((vector_size(16)));
    const Four scores = __builtin_shufflevector(four, four, 0, 8, 4, 12);  // the places of sum_four
    std::memcpy(near[q], &scores, sizeof scores);
  }
}
#else
constexpr bool has_near_scores() { return false; }
constexpr int64_t near_depth(int64_t depth) { return depth; }
#endif

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
