#pragma once
// Blocks of f32 matrices as operands of a product of bf16 (bf16_tile.h), rounded while they are packed. kInstruction:
// by the instruction of AVX512-BF16, to which numbers below the normal ones are zero, as they are to the products, or
// by that of arm64, which keeps them.
#include <algorithm>

#include "cpu/gemm/bf16_tile.h"
#include "cpu/primitives/lanes.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

// Whether the processor rounds to bf16 by an instruction that this set can use.
inline bool rounds_by_instruction() {
#if defined(__AVX512F__)
  static const bool rounds = __builtin_cpu_supports("avx512bf16");
  return rounds;
#elif defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
  return true;
#else
  return false;
#endif
}

// 2 kLanes values of bf16: low, then high.
typedef uint16_t TwoHalves __attribute__((vector_size(kLanes * 4), aligned(2), may_alias));
template <bool kInstruction>
inline TwoHalves round_two(Vec low, Vec high) {
#if defined(__AVX512F__)
  if constexpr (kInstruction) {
    __m512i both;
    asm("vcvtne2ps2bf16 %1, %2, %0" : "=v"(both) : "v"(low), "v"(high));
    return (TwoHalves)both;
  }
#elif defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
  if constexpr (kInstruction) {
    return (TwoHalves)vcvtq_high_bf16_f32(vcvtq_low_bf16_f32((float32x4_t)low), (float32x4_t)high);
  }
#endif
  TwoHalves both;
  const Halves halves[2] = {__builtin_convertvector(round_words(low), Halves),
                            __builtin_convertvector(round_words(high), Halves)};
  std::memcpy(&both, halves, sizeof both);
  return both;
}

// Words of (low, high).
template <bool kInstruction>
inline Words round_pairs(Vec low, Vec high) {
#if defined(__AVX512F__)
  if constexpr (kInstruction) {
    alignas(64) static constexpr uint16_t kOrder[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                        8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    const __m512i both = (__m512i)round_two<true>(low, high);
    return (Words)_mm512_maskz_permutexvar_epi16(0xffffffffu, _mm512_load_si512(kOrder), both);
  }
#elif defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
  if constexpr (kInstruction) {
    const uint16x8_t both = (uint16x8_t)round_two<true>(low, high);
    return (Words)vzip1q_u16(both, vextq_u16(both, both, 4));
  }
#endif
  return round_words(low) | round_words(high) << 16;
}

// `n` floats to bf16, with zeros up to `padded`, which is at least n.
template <bool kInstruction>
inline void round_row(const float* in, int64_t n, int64_t padded, Bf16* out) {
  int64_t k = 0;
  for (; k + 2 * kLanes <= n; k += 2 * kLanes) {
    *reinterpret_cast<TwoHalves*>(out + k) = round_two<kInstruction>(load(in + k), load(in + k + kLanes));
  }
  if (k < n) {
    const Vec high = n - k > kLanes ? load_some(in + k + kLanes, n - k - kLanes) : Vec{};
    const TwoHalves last = round_two<kInstruction>(load_some(in + k, n - k), high);
    std::memcpy(out + k, &last, static_cast<size_t>(min64(padded - k, 2 * kLanes)) * sizeof(Bf16));
    k += 2 * kLanes;
  }
  if (k < padded) std::fill(out + k, out + padded, Bf16{});
}

// out [rows][stride]: the rows of a matrix whose row r begins at a + r `distance`, each of `depth` values, with zeros
// up to 2 `pairs`.
template <bool kInstruction>
inline void pack_rows_bf16(const float* a, int64_t distance, int64_t rows, int64_t depth, int64_t pairs, int64_t stride,
                           Bf16* out) {
  for (int64_t r = 0; r < rows; ++r) round_row<kInstruction>(a + r * distance, depth, 2 * pairs, out + r * stride);
}

// The same of a matrix that is stored by columns: value k of row r is at a + k `distance` + r. Writes kLanes rows at a
// time, so out has space for `rows` rounded up.
template <bool kInstruction>
inline void pack_columns_bf16(const float* a, int64_t distance, int64_t rows, int64_t depth, int64_t pairs,
                              int64_t stride, Bf16* out) {
  for (int64_t r = 0; r < rows; r += kLanes) {
    for (int64_t k = 0; k < 2 * pairs; k += 2 * kLanes) {
      // Words of values k + 2 i and k + 2 i + 1 of all rows, then words of all pairs of a row.
      Vec block[kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) {
        const int64_t at = k + 2 * i;
        const Vec low = at < depth ? load_some(a + at * distance + r, rows - r) : Vec{};
        const Vec high = at + 1 < depth ? load_some(a + (at + 1) * distance + r, rows - r) : Vec{};
        block[i] = (Vec)round_pairs<kInstruction>(low, high);
      }
      transpose(block);
      const int64_t words = min64(kLanes, pairs - k / 2);
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) {
        std::memcpy(out + (r + i) * stride + k, &block[i], static_cast<size_t>(words) * sizeof(float));
      }
    }
  }
}

// panel [pairs][width] of words: rows 2 j and 2 j + 1 of a matrix whose row k begins at b + k `distance`, with zeros
// from row `depth` and column `used` on.
template <bool kInstruction>
inline void pack_panel_bf16(const float* b, int64_t distance, int64_t depth, int64_t used, int64_t width, int64_t pairs,
                            float* panel) {
  for (int64_t j = 0; j < pairs; ++j, panel += width) {
    const float *low = b + 2 * j * distance, *high = low + distance;
    for (int64_t c = 0; c < width; c += kLanes) {
      const int64_t n = max64(0, used - c);
      const Vec first = 2 * j < depth ? load_some(low + c, n) : Vec{};
      const Vec second = 2 * j + 1 < depth ? load_some(high + c, n) : Vec{};
      store(panel + c, (Vec)round_pairs<kInstruction>(first, second));
    }
  }
}

// The same of a matrix that is stored by columns: value k of column c is at b + c `distance` + k.
template <bool kInstruction>
inline void pack_transposed_panel_bf16(const float* b, int64_t distance, int64_t depth, int64_t used, int64_t width,
                                       int64_t pairs, float* panel) {
  for (int64_t c = 0; c < width; c += kLanes) {
    for (int64_t j = 0; j < pairs; j += kLanes) {
      const int64_t n = max64(0, depth - 2 * j);  // values that are left
      Vec block[kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) {
        const float* from = b + (c + i) * distance + 2 * j;
        const bool inside = c + i < used;
        const Vec low = inside ? load_some(from, n) : Vec{};
        const Vec high = inside && n > kLanes ? load_some(from + kLanes, n - kLanes) : Vec{};
        block[i] = (Vec)round_two<kInstruction>(low, high);
      }
      transpose(block);
      const int64_t rows = min64(kLanes, pairs - j);
      for (int64_t i = 0; i < rows; ++i) store(panel + (j + i) * width + c, block[i]);
    }
  }
}

// panel [pairs][width] of words from rows of bf16, which become its columns: row(c) points to `n` values, or is null
// for a column of zeros.
template <typename Row>
inline void transpose_words(const Row& row, int64_t n, int64_t width, int64_t pairs, float* panel) {
  for (int64_t c = 0; c < width; c += kLanes) {
    for (int64_t j = 0; j < pairs; j += kLanes) {
      Vec block[kLanes];
      for (int i = 0; i < kLanes; ++i) {
        const Bf16* from = row(c + i);
        const int64_t left = from ? max64(0, min64(n - 2 * j, 2 * kLanes)) : 0;
        if (left == 2 * kLanes) {
          block[i] = load(reinterpret_cast<const float*>(from + 2 * j));
        } else {
          block[i] = Vec{};
          if (left) std::memcpy(&block[i], from + 2 * j, static_cast<size_t>(left) * sizeof(Bf16));
        }
      }
      transpose(block);
      const int64_t rows = min64(kLanes, pairs - j);
      for (int64_t i = 0; i < rows; ++i) store(panel + (j + i) * width + c, block[i]);
    }
  }
}

// panel [pairs][width] of words (row 2 j, row 2 j + 1) from rows of bf16: row(k) points to `used` values, or is null
// for zeros.
template <typename Row>
inline void interleave_words(const Row& row, int64_t used, int64_t width, int64_t pairs, float* panel) {
  for (int64_t j = 0; j < pairs; ++j, panel += width) {
    const Bf16 *first = row(2 * j), *second = row(2 * j + 1);
    for (int64_t c = 0; c < width; c += kLanes) {
      const int64_t n = max64(0, used - c);
      const Words low = first ? (Words)load_some(first + c, n) >> 16 : Words{};
      const Words high = second ? (Words)load_some(second + c, n) : Words{};
      store(panel + c, (Vec)(low | high));
    }
  }
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
