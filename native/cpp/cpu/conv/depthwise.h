#pragma once
// Depthwise convolution (groups == Cin == Cout) with any window. A lane is a channel; there is no matrix product. Tiles
// of kTileColumns outputs along W share each weight vector, and their input pointers are computed once for all
// channels. The sum of an output runs over the taps in order; taps in the padding are skipped or multiplied by zeros.
// depthwise_sliding.h has windows 3 wide, depthwise_frames.h windows along T alone.
//
// weight: [taps][C].
#include "cpu/elementwise/activation.h"
#include "cpu/gemm/gemm_tile.h"
#include "ops/conv/conv3d.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

constexpr int kTileColumns =
    7;  // a divisor of the widths in video networks (7, 14, 28, 56, 112); 7 sums hide the FMA latency
constexpr int kMaxTaps = 343;  // 7x7x7

// The input rows of a tile, tap by tap, without the taps outside T or H.
template <typename T>
struct DepthwiseTile {
  const T* rows[kMaxTaps][kTileColumns];
  const float* weights[kMaxTaps];
  int taps;
};

// One vector of channels of a tile.
template <typename T>
inline void depthwise_vector(const DepthwiseTile<T>& tile, int64_t c, int64_t n, Vec (&sum)[kTileColumns]) {
  Vec s[kTileColumns] = {};
  for (int tap = 0; tap < tile.taps; ++tap) {
    const Vec w = load_some(tile.weights[tap] + c, n);
#pragma GCC unroll 7
    for (int r = 0; r < kTileColumns; ++r) s[r] += load_some(tile.rows[tap][r] + c, n) * w;
  }
#pragma GCC unroll 7
  for (int r = 0; r < kTileColumns; ++r) sum[r] = s[r];
}

template <typename T, typename Geometry>
Status depthwise(const Call& call, const Conv3dArgs& a, const Geometry& g, const T* zeros, int64_t zero_floats) {
  if (a.taps() > kMaxTaps) return {"conv3d: a depthwise window of more than 343 taps"};
  if (g.C > zero_floats) return {"conv3d: a depthwise convolution of more than 4096 channels"};
  const float* bias = call.in[2].data ? call.in[2].f32() : nullptr;
  const T* residual = values<T>(call.in[3]);
  const RowsOf<T> y(call.out[0]), add(residual ? call.in[3] : call.out[0]);
  call.pool->parallel_for(g.N * g.oT * g.oH, [&](int64_t line, int) {
    const int64_t t0 = line / g.oH % g.oT * a.stride[0] - a.low[0], h0 = line % g.oH * a.stride[1] - a.low[1];
    const T* base = values<T>(call.in[0]) + line / (g.oH * g.oT) * g.sN;
    DepthwiseTile<T> tile;
    for (int64_t first = 0; first < g.oW; first += kTileColumns) {
      const int columns = static_cast<int>(min64(kTileColumns, g.oW - first));
      tile.taps = 0;
      for (int64_t kt = 0; kt < a.kernel[0]; ++kt) {
        for (int64_t kh = 0; kh < a.kernel[1]; ++kh) {
          const int64_t t = t0 + kt, h = h0 + kh;
          if (t < 0 || t >= g.T || h < 0 || h >= g.H) continue;
          const T* line_in = base + t * g.sT + h * g.sH;
          for (int64_t kw = 0; kw < a.kernel[2]; ++kw) {
            const T** row = tile.rows[tile.taps];
            for (int i = 0; i < kTileColumns; ++i) {
              // Inputs past the last column are read for sums that are not stored.
              const int64_t w = (first + min64(i, columns - 1)) * a.stride[2] - a.low[2] + kw;
              row[i] = w >= 0 && w < g.W ? line_in + w * g.sW : zeros;
            }
            tile.weights[tile.taps++] = call.in[1].f32() + ((kt * a.kernel[1] + kh) * a.kernel[2] + kw) * g.C;
          }
        }
      }
      for (int64_t c = 0; c < g.C; c += kLanes) {
        Vec sum[kTileColumns];
        depthwise_vector(tile, c, g.C - c, sum);
        const Vec b = bias ? load_some(bias + c, g.C - c) : Vec{};
        for (int r = 0; r < columns; ++r) {
          const int64_t m = line * g.oW + first + r;
          Vec out = sum[r] + b;
          if (residual) out += load_some(add.data + m * add.stride + c, g.C - c);
          store_some(y.data + m * y.stride + c, activated(a.activation, out), g.C - c);
        }
      }
    }
  });
  return {};
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
