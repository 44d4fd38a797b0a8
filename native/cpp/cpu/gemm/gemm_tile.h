#pragma once
// The micro-kernel: kTileRows x (one or two vectors) outputs. Each is one sum over (tap, channel) in that order, which
// starts at zero and is accumulated by fused multiply-add. The value of an output therefore depends on its own inputs
// alone, not on its tile, the batch or the threads.
//
// rows: [taps][kTileRows] pointers to `channels` consecutive inputs each (a row of zeros for padding). A tap whose
// first pointer is null adds nothing to any row of the tile.
#include "cpu/primitives/storage.h"
#if defined(VIDEOCLIP_NEON)
#include "cpu/gemm/neon_products.h"
#endif

namespace videoclip {
namespace VIDEOCLIP_ISA {

// out [kRows][kVectors * kLanes]. The function is not inlined, because only then do compilers keep all accumulators in
// registers. kRows below kTileRows is for the last tile; the sums are the same.
template <int kVectors, int kRows = kTileRows>
__attribute__((noinline)) void gemm_tile(const float* const* rows, int64_t taps, int64_t channels, const float* b,
                                         float* out) {
  Vec c[kRows][kVectors] = {};
  for (int64_t tap = 0; tap < taps; ++tap, b += channels * kVectors * kLanes) {
    const float* const* a = rows + tap * kTileRows;
    if (!a[0]) continue;
#if defined(VIDEOCLIP_NEON)
    add_products(c, a, channels, b, kVectors * kLanes);
#else
    for (int64_t k = 0; k < channels; ++k) {
      Vec w[kVectors];
      for (int v = 0; v < kVectors; ++v) w[v] = load(b + (k * kVectors + v) * kLanes);
#pragma GCC unroll 14
      for (int r = 0; r < kRows; ++r) {
        const Vec x = splat(a[r][k]);
        for (int v = 0; v < kVectors; ++v) c[r][v] += x * w[v];
      }
    }
#endif
  }
#pragma GCC unroll 14
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) store(out + (r * kVectors + v) * kLanes, c[r][v]);
  }
}

// The epilogue of a sum: bias (may be null), activation, streaming stores (see simd.h), and the number of columns of
// each row that are `used`.
struct Epilogue {
  const float* bias;
  bool relu, streams;
  int64_t used;
};

inline Vec relu(Vec x) { return x < Vec{} ? Vec{} : x; }

// Stores the first `used` (at most kLanes) of kLanes sums plus bias plus residual (may be null), after the activation.
template <typename T>
inline void store_vector(Vec y, const Epilogue& e, const T* residual, T* out) {
  if (e.bias) y += load_some(e.bias, e.used);
  if (residual) y += load_some(residual, e.used);
  if (e.relu) y = relu(y);
  if (e.streams && e.used >= kLanes) return stream(out, y);
  store_some(out, y, e.used);
}

// One panel of at most kPanel columns for `count` <= kTileRows rows.
inline void gemm_panel(const float* const* rows, int64_t taps, int64_t channels, const float* panel, int64_t width,
                       int count, const Epilogue& e, const float* const* residual, float* const* out) {
  alignas(64) float sums[kTileRows * kPanel];
  const int vectors = width == kPanel ? 2 : 1;
  if (vectors == 2) {
    gemm_tile<2>(rows, taps, channels, panel, sums);
  } else {
    gemm_tile<1>(rows, taps, channels, panel, sums);
  }
  for (int v = 0; v * kLanes < e.used; ++v) {
    const int64_t c = v * kLanes;
    const Epilogue part{e.bias ? e.bias + c : nullptr, e.relu, e.streams, e.used - c};
    for (int r = 0; r < count; ++r) {
      store_vector(load(sums + r * vectors * kLanes + c), part, residual ? residual[r] + c : nullptr, out[r] + c);
    }
  }
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
