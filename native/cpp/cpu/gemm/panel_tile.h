#pragma once
// A tile of kTileRows output positions by the columns of a panel (panels.h). It reads the inputs in place and writes
// the outputs from registers: with 24 channels a copy of the sums would take a tenth of the time. Each output is one
// sum over (tap, channel) in that order, which starts at zero and is accumulated by fused multiply-add; then bias,
// residual and activation follow. It does not depend on the tile, the batch or the threads. Tiles of bf16 are those of
// bf16_tile.h.
#include "cpu/elementwise/activation.h"
#include "cpu/gemm/bf16_tile.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

#if defined(__AVX512F__)
// Two products of half a vector take as long as one of a whole vector, so 24 columns cost 1.5 vectors, not 2.
constexpr bool kHalves = true;
constexpr int kHalfLanes = kLanes / 2;
#else
constexpr bool kHalves = false;
constexpr int kHalfLanes = kLanes;
#endif
typedef float HalfVec __attribute__((vector_size(kHalfLanes * 4), aligned(4)));
typedef float LooseHalfVec __attribute__((vector_size(kHalfLanes * 4), aligned(4), may_alias));

inline HalfVec low_half(Vec v) {
#if defined(__AVX512F__)
  return __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7);
#else
  return v;
#endif
}
inline Vec from_half(HalfVec v) {
#if defined(__AVX512F__)
  return (Vec)_mm512_castps256_ps512((__m256)v);
#else
  return v;
#endif
}

// Inputs of type T and outputs of type To.
template <typename T, typename To = T>
struct PanelTile {
  const T* const* rows;  // [taps][kRowsOf<T>] -> the inputs of a tap; a tap whose first pointer is null adds nothing
  int64_t taps, units;   // units of a tap: values of f32, pairs of bf16
  const float* weight;   // [taps][units][width]
  int64_t width, used;
  const float* bias;  // may be null, as residual
  const To* residual;
  To* out;  // row r of residual and out is r strides further
  int64_t residual_stride, out_stride;
  int count;           // rows that are stored
  int64_t activation;  // order of ops/unary.h, -1 for none
  bool streams;        // only with no activation or ReLU
};

// The columns are kVectors vectors, followed by half a vector if kHalf.
template <int kVectors, bool kHalf, int kRows>
__attribute__((noinline)) void panel_tile(const PanelTile<float>& p) {
  constexpr int kAll = kVectors + (kHalf ? 1 : 0);
  Vec c[kRows][kAll] = {};
  HalfVec half[kRows] = {};
  const float* b = p.weight;
  for (int64_t tap = 0; tap < p.taps; ++tap) {
    const float* const* a = p.rows + tap * kTileRows;
    if (!a[0]) {
      b += p.units * p.width;
      continue;
    }
#if defined(VIDEOCLIP_NEON)
    add_products(c, a, p.units, b, p.width);
    b += p.units * p.width;
#else
    for (int64_t k = 0; k < p.units; ++k, b += p.width) {
      Vec w[kAll];
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) w[v] = load(b + v * kLanes);
      HalfVec w_half{};
      if (kHalf) w_half = *reinterpret_cast<const LooseHalfVec*>(b + kVectors * kLanes);
#pragma GCC unroll 14
      for (int r = 0; r < kRows; ++r) {
        const Vec x = splat(a[r][k]);
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v) c[r][v] += x * w[v];
        if (kHalf) half[r] += low_half(x) * w_half;
      }
    }
#endif
  }
#pragma GCC unroll 2
  for (int v = 0; v < kAll; ++v) {
    const int64_t column = v * kLanes;
    const Epilogue e{p.bias ? p.bias + column : nullptr, p.activation == kRelu, p.streams, p.used - column};
#pragma GCC unroll 14
    for (int r = 0; r < kRows; ++r) {
      if (r >= p.count) break;
      store_vector(v < kVectors ? c[r][v] : from_half(half[r]), e,
                   p.residual ? p.residual + r * p.residual_stride + column : nullptr,
                   p.out + r * p.out_stride + column);
    }
  }
}

template <int kRows>
inline void panel_rows(const PanelTile<float>& p) {
  if (p.used > kLanes + (kHalves ? kHalfLanes : 0)) return panel_tile<2, false, kRows>(p);
  if (p.used > kLanes) return panel_tile<1, kHalves, kRows>(p);
  if (p.used > kHalfLanes || !kHalves) return panel_tile<1, false, kRows>(p);
  if constexpr (kHalves) panel_tile<0, kHalves, kRows>(p);
}

// Rows past `count` are computed and not stored.
inline void panel(const PanelTile<float>& p) {
  constexpr int kFewRows = 4;  // rows of a smaller tile, for the last rows or a layer of one position
  if (p.count > kFewRows) {
    panel_rows<kTileRows>(p);
  } else {
    panel_rows<kFewRows>(p);
  }
  if (p.activation > 0) activate_stored(p.activation, p.out, p.out_stride, p.count, p.used);
}

template <typename To>
inline void panel(const PanelTile<Bf16, To>& p) {
  alignas(64) float sums[kBf16Rows * kPanel];
  bf16_sums(p.rows, p.taps, p.units, p.weight, p.width, sums);
  store_sums(TileSums<To>{sums, p.width, p.count, p.used, p.bias, p.residual, p.residual_stride, p.activation,
                          p.streams, p.out, p.out_stride});
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
