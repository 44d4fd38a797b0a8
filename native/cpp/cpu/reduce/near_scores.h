#pragma once
// Scores of queries and rows that are rounded to 8 bits, whose products take a quarter of the time of those of f32, and
// how far they are at most from the scores in f32. They tell which rows cannot be among the best.
#include <cmath>
#include <limits>

#include "cpu/primitives/half.h"
#include "cpu/primitives/lanes.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int64_t kNearLanes = 4 * kLanes;
constexpr int64_t kNearRows = 64;      // rows that are read together
constexpr int64_t kNearDepth = 65536;  // of longer rows the sums of products could pass 31 bits

inline bool has_near_scores() {
  static const bool has = __builtin_cpu_supports("avx512vnni");
  return has;
}

// Values of a rounded row, with zeros behind `depth`.
inline int64_t near_depth(int64_t depth) { return ceil_div(depth, kNearLanes) * kNearLanes; }

typedef int8_t Int8s __attribute__((vector_size(64)));
typedef uint16_t UInt16s __attribute__((vector_size(64)));
typedef int32_t Int32s __attribute__((vector_size(64)));

// The first or second half of a vector.
template <typename V>
__attribute__((always_inline)) inline __m256i first_half(V v) {
  return (__m256i)__builtin_shufflevector((Int32s)v, (Int32s)v, 0, 1, 2, 3, 4, 5, 6, 7);
}
template <typename V>
__attribute__((always_inline)) inline __m256i second_half(V v) {
  return (__m256i)__builtin_shufflevector((Int32s)v, (Int32s)v, 8, 9, 10, 11, 12, 13, 14, 15);
}

// Transposes 16 vectors of 16 lanes.
__attribute__((always_inline)) inline void transpose(Int32s* v) {
  Int32s pairs[16], fours[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    pairs[i] = __builtin_shufflevector(v[i], v[i + 1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    pairs[i + 1] = __builtin_shufflevector(v[i], v[i + 1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
  }
  // fours[i + j] has columns j, 4 + j, 8 + j and 12 + j of rows i to i + 3
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 4) {
#pragma GCC unroll 8
    for (int j = 0; j < 2; ++j) {
      const Int32s a = pairs[i + j], b = pairs[i + j + 2];
      fours[i + 2 * j] = __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
      fours[i + 2 * j + 1] = __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    }
  }
#pragma GCC unroll 8
  for (int j = 0; j < 4; ++j) {
    const auto even = [](Int32s a, Int32s b) __attribute__((always_inline)) {
      return __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
    };
    const auto odd = [](Int32s a, Int32s b) __attribute__((always_inline)) {
      return __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    };
    const Int32s a = fours[j], b = fours[4 + j], c = fours[8 + j], d = fours[12 + j];
    const Int32s even_ab = even(a, b), odd_ab = odd(a, b), even_cd = even(c, d), odd_cd = odd(c, d);
    v[j] = even(even_ab, even_cd);
    v[4 + j] = even(odd_ab, odd_cd);
    v[8 + j] = odd(even_ab, even_cd);
    v[12 + j] = odd(odd_ab, odd_cd);
  }
}

// Rounds 64 values, or `count` and zeros, times `inverse`, to -127 to 127. Groups of four change places, in queries as
// in rows.
template <typename T>
__attribute__((always_inline)) inline __m512i round_block(const T* values, int64_t count, float inverse) {
  __m512i part[4];
#pragma GCC unroll 4
  for (int64_t i = 0; i < 4; ++i) {
    const int64_t rest = count - i * kLanes;
    const Vec v = rest >= kLanes ? load(values + i * kLanes) : rest > 0 ? load_some(values + i * kLanes, rest) : Vec{};
    part[i] = _mm512_maskz_cvtps_epi32(0xffff, (__m512)(v * inverse));
  }
  return _mm512_packs_epi16(_mm512_packs_epi32(part[0], part[1]), _mm512_packs_epi32(part[2], part[3]));
}

// Calls run(d, count) for blocks of `kBlock` values: `count` is a constant for all but the last one.
template <int64_t kBlock, class F>
__attribute__((always_inline)) inline void for_blocks(int64_t depth, const F& run) {
  int64_t d = 0;
  for (; d + kBlock <= depth; d += kBlock) run(d, std::integral_constant<int64_t, kBlock>{});
  if (d < depth) run(d, depth - d);
}

// The largest magnitude of a row, in f16. The magnitudes of f16 are in the order of their bits.
__attribute__((always_inline)) inline uint16_t largest_of(const uint16_t* row, int64_t depth) {
  UInt16s largest = {};
  constexpr int64_t kHalves = 2 * kLanes;
  for_blocks<kHalves>(
      depth, [&](int64_t d, auto count) __attribute__((always_inline)) {
        const __mmask32 mask = count == kHalves ? ~0u : (1u << count) - 1;
        const UInt16s magnitude = (UInt16s)_mm512_maskz_loadu_epi16(mask, row + d) & 0x7fff;
        largest = magnitude > largest ? magnitude : largest;
      });
  const __m256i half = _mm256_max_epu16(first_half(largest), second_half(largest));
  const __m128i eight = _mm_max_epu16(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
  // the complement of the smallest complement
  return 0xffff ^ _mm_extract_epi16(_mm_minpos_epu16(_mm_xor_si128(eight, _mm_set1_epi16(-1))), 0);
}

// Rounds 16 rows. A row is about `scale` times its rounded values, which are stored 128 higher: four of each row, then
// the next four, at a distance of kNearRows rows. `norm` is that of scale times these values, or a little more;
// infinity stands for a row that is not finite.
__attribute__((noinline)) inline void round_rows(const uint16_t* const* row, int64_t depth, uint8_t* out, float* scale,
                                                 float* norm) {
  uint16_t largest[16];
  for (int r = 0; r < 16; ++r) largest[r] = largest_of(row[r], depth);
  const Vec most = load(largest);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const Vec scales = most < kInfinity ? most / 127 : Vec{}, quotients = 127 / most;
  float inverse[16];
  store(inverse, scales > 0 ? quotients : Vec{});
  Int32s squares = {};
  for_blocks<kNearLanes>(
      depth, [&](int64_t d, auto count) __attribute__((always_inline)) {
        Int32s values[16];
#pragma GCC unroll 16
        for (int r = 0; r < 16; ++r) values[r] = (Int32s)round_block(row[r] + d, count, inverse[r]);
        transpose(values);
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) {
          const Int8s rounded = (Int8s)values[i];
          const __m512i positive = (__m512i)(rounded < 0 ? -rounded : rounded);
          const __m512i pairs = _mm512_maddubs_epi16(positive, positive);  // at most 2 x 127^2
          squares += (Int32s)_mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
          _mm512_storeu_si512(out + (d + 4 * i) * kNearRows, (__m512i)(rounded ^ static_cast<int8_t>(0x80)));
        }
      });
  const Vec norms = scales * Vec(_mm512_maskz_sqrt_ps(0xffff, (__m512) __builtin_convertvector(squares, Vec))) * 1.001f;
  store(scale, scales);
  store(norm, most < kInfinity ? norms : Vec{} + kInfinity);
}

// A query is about `scale` times its rounded values, whose sum is `offset` / 128. With `sum`, that of the products with
// the stored values of a row, its near score is scale row.scale (sum - offset). The score in f32 is at most
// row_error row.scale + error row.norm away.
struct RoundedQuery {
  float scale, error, row_error;
  int32_t offset;
};

__attribute__((noinline)) inline RoundedQuery round_query(const float* query, int64_t depth, int8_t* out) {
  float most = 0, square = 0;
  for (int64_t d = 0; d < depth; ++d) {
    most = std::fabs(query[d]) > most ? std::fabs(query[d]) : most;
    square += query[d] * query[d];
  }
  const bool holds = square < 1e30f && square > 1e-10f;  // f32 holds this norm well
  const float scale = holds ? most / 127 : 0, inverse = holds ? 127 / most : 0;
  for_blocks<kNearLanes>(
      depth, [&](int64_t d, int64_t count) __attribute__((always_inline)) {
        _mm512_storeu_si512(out + d, round_block(query + d, count, inverse));
      });
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (!holds) return {0, kInfinity, kInfinity, 0};
  float error = 0;
  int32_t sum = 0;
  for (int64_t d = 0; d < depth; ++d) {
    const float rounded = std::nearbyint(query[d] * inverse), rest = query[d] - scale * rounded;
    error += rest * rest;
    sum += static_cast<int32_t>(rounded);
  }
  const float norm = std::sqrt(square) * 1.01f;
  // the sums of both scores are rounded, by up to 2^-24 for each product
  const float sums = norm * static_cast<float>(depth) * 0x1p-22f;
  // a value of a row is rounded by up to half its scale
  return {scale, std::sqrt(error) * 1.001f + sums, norm * 0.5f * std::sqrt(static_cast<float>(depth)), 128 * sum};
}
constexpr float kNearTiny = 1e-20f;  // more than the products that count as zero

// Rows that are brought into L2 in small steps, while others are used: many at once would wait for each other.
struct Ahead {
  const char *at, *end;
  int64_t lines;  // of a step

  void step() {
    for (int64_t i = 0; i < lines && at < end; ++i, at += 64) __builtin_prefetch(at, 0, 2);
  }
};

// Which of kNearRows stored rows of near_depth(depth) values can have a score of at least the threshold with each of
// kCount queries, as bits.
template <int kCount>
__attribute__((noinline, target("avx512vnni"))) void near_rows(const int8_t* const* query, const RoundedQuery* rounded,
                                                               const float* threshold, const uint8_t* rows,
                                                               int64_t depth, const float* scale, const float* norm,
                                                               Ahead& ahead, uint64_t* near) {
  constexpr int kVectors = kNearRows / kLanes;
  Int32s sum[kCount][kVectors] = {};
  for (int64_t d = 0; d < depth; d += 4) {
    if (d % kNearLanes == 0) ahead.step();
    __m512i x[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) x[v] = _mm512_loadu_si512(rows + d * kNearRows + v * 64);
#pragma GCC unroll 6
    for (int q = 0; q < kCount; ++q) {
      int32_t four;
      __builtin_memcpy(&four, query[q] + d, 4);
      const __m512i y = _mm512_set1_epi32(four);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[q][v] = (Int32s)_mm512_dpbusd_epi32((__m512i)sum[q][v], x[v], y);
    }
  }
#pragma GCC unroll 6
  for (int q = 0; q < kCount; ++q) {
    const RoundedQuery& r = rounded[q];
    uint64_t below = 0;
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const Vec products = __builtin_convertvector(sum[q][v] - r.offset, Vec);
      const Vec part = load(norm + v * kLanes) * r.error + kNearTiny;
      const Vec most = (products * r.scale + r.row_error) * load(scale + v * kLanes) + part;
      const uint64_t bits = _mm512_cmp_ps_mask((__m512)most, _mm512_set1_ps(threshold[q]), _CMP_LT_OQ);
      below |= bits << (v * kLanes);
    }
    near[q] = ~below;
  }
}
#else
constexpr int64_t kNearRows = 4;
constexpr int64_t kNearDepth = 0;
constexpr bool has_near_scores() { return false; }
constexpr int64_t near_depth(int64_t depth) { return depth; }
#endif

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
