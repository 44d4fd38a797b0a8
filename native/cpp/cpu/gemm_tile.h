#pragma once
// The micro-kernel: kTileRows x (one or two vectors) outputs, each one sum over (tap, channel) in that order, started
// at zero and accumulated by fused multiply-add. An output's value so depends on its own inputs alone: not on the tile
// it lies in, the batch or the threads.
//
// rows: [taps][kTileRows] pointers to `channels` consecutive inputs each (a row of zeros for padding).
#include "cpu/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

template <int kVectors>
inline void gemm_tile(const float* const* rows, int64_t taps, int64_t channels, const float* b,
                      Vec (&acc)[kTileRows][kVectors]) {
  Vec c[kTileRows][kVectors] = {};
  for (int64_t tap = 0; tap < taps; ++tap) {
    const float* const* a = rows + tap * kTileRows;
    for (int64_t k = 0; k < channels; ++k, b += kVectors * kLanes) {
      Vec w[kVectors];
      for (int v = 0; v < kVectors; ++v) w[v] = load(b + v * kLanes);
#pragma GCC unroll 14
      for (int r = 0; r < kTileRows; ++r) {
        const Vec x = splat(a[r][k]);
        for (int v = 0; v < kVectors; ++v) c[r][v] += x * w[v];
      }
    }
  }
  for (int r = 0; r < kTileRows; ++r) {
    for (int v = 0; v < kVectors; ++v) acc[r][v] = c[r][v];
  }
}

// Where a tile goes: bias (may be null), residual rows (may be null), activation, then `used` columns of each row.
struct Epilogue {
  const float* bias;
  bool relu;
  int64_t used;
};

template <int kVectors>
inline void store_row(const Vec (&acc)[kVectors], const Epilogue& e, const float* residual, float* out) {
  alignas(64) float y[kVectors * kLanes];
  for (int v = 0; v < kVectors; ++v) store(y + v * kLanes, acc[v]);
  for (int64_t i = 0; i < e.used; ++i) {
    float x = y[i];
    if (e.bias) x += e.bias[i];
    if (residual) x += residual[i];
    out[i] = e.relu && x < 0 ? 0.0f : x;
  }
}

// One panel of at most kPanel columns for `count` <= kTileRows rows.
inline void gemm_panel(const float* const* rows, int64_t taps, int64_t channels, const float* panel, int64_t width,
                       int count, const Epilogue& e, const float* const* residual, float* const* out) {
  if (width == kPanel) {
    Vec acc[kTileRows][2];
    gemm_tile<2>(rows, taps, channels, panel, acc);
    for (int r = 0; r < count; ++r) store_row<2>(acc[r], e, residual ? residual[r] : nullptr, out[r]);
  } else {
    Vec acc[kTileRows][1];
    gemm_tile<1>(rows, taps, channels, panel, acc);
    for (int r = 0; r < count; ++r) store_row<1>(acc[r], e, residual ? residual[r] : nullptr, out[r]);
  }
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
