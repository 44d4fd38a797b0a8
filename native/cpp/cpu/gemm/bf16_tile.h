#pragma once
// The micro-kernel of bf16: kBf16Rows rows times the columns of a panel, with sums in f32, by vectors or by the tiles
// of a matrix unit.
#include "cpu/elementwise/activation.h"
#if defined(VIDEOCLIP_TILES)
#include "cpu/gemm/bf16_matrix.h"
#else
#include "cpu/gemm/bf16_dot.h"
#endif

namespace videoclip {
namespace VIDEOCLIP_ISA {

// The rows of a tile whose values are of storage type T.
template <typename T>
constexpr int kRowsOf = sizeof(T) == 2 ? kBf16Rows : kTileRows;

// Sums of a tile, [kBf16Rows][width], of which `count` rows and `used` columns are stored: plus bias (may be null) plus
// residual (may be null), after the activation. Row r of residual and out is r strides further.
template <typename T>
struct TileSums {
  float* sums;
  int64_t width, count, used;
  const float* bias;
  const T* residual;
  int64_t residual_stride, activation;
  bool streams;
  T* out;
  int64_t stride;

  // put(to, sum, columns) stores a vector.
  template <typename Put>
  inline __attribute__((always_inline)) void store_with(const Put& put) const {
    for (int64_t r = 0; r < count; ++r) {
      float* from = sums + r * width;
      T* to = out + r * stride;
      const bool plain = activation <= kRelu;
      for (int64_t c = 0; c < used; c += kLanes) {
        const int64_t n = used - c;
        Vec y = load(from + c);
        if (bias) y += load_some(bias + c, n);
        if (residual) y += load_some(residual + r * residual_stride + c, n);
        if (activation == kRelu) y = relu(y);
        if (plain) {
          put(to + c, y, n);
        } else {
          store(from + c, y);
        }
      }
      if (plain) continue;
      activate(static_cast<int>(activation), from, from, used);
      for (int64_t c = 0; c < used; c += kLanes) put(to + c, load(from + c), used - c);
    }
  }
};

#if defined(__AVX512F__)
// Rounds by an instruction, to which numbers below the normal ones are zero.
__attribute__((noinline, target("avx512bf16"))) inline void store_sums_by_instruction(const TileSums<Bf16>& tile) {
  const bool streams = tile.streams;
  tile.store_with([streams](Bf16 * to, Vec y, int64_t n) __attribute__((target("avx512bf16"))) {
    const __m256i halves = (__m256i)_mm512_cvtneps_pbh((__m512)y);
    if (n < kLanes) {
      _mm256_mask_storeu_epi16(to, static_cast<__mmask16>((1u << n) - 1), halves);
    } else if (streams) {
      _mm256_stream_si256(reinterpret_cast<__m256i*>(to), halves);
    } else {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), halves);
    }
  });
}
#endif

template <typename T>
__attribute__((noinline)) void store_sums(const TileSums<T>& tile) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 2) {
    static const bool rounds = __builtin_cpu_supports("avx512bf16");
    if (rounds) return store_sums_by_instruction(tile);
  }
#endif
  tile.store_with([&tile](T* to, Vec y, int64_t n) {
    if (tile.streams && n >= kLanes) {
      stream(to, y);
    } else {
      store_some(to, y, n);
    }
  });
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
