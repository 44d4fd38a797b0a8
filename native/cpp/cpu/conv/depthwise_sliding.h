#pragma once
// Depthwise convolution with a window 3 wide along W, a stride of 1 or 2, and at most one position of padding on each
// side: 3x3x3 of X3D. A lane is a channel. A tile of up to 7 outputs along W slides the window over inputs in
// registers, with one pointer per line of taps instead of one per tap. Sums run over the taps in order; lines in the
// padding are skipped.
//
// A task is a band of output lines in a run of frames, so that its inputs stay in the cache while the window moves
// along H and T. A task has all channels, because two threads that write to the same rows would wait for each other's
// cache lines.
//
// weight: [taps][C].
#include "cpu/elementwise/activation.h"
#include "cpu/gemm/gemm_tile.h"
#include "ops/conv/conv3d.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

constexpr int kMaxColumns = 7;  // 7 sums hide the latency of a fused multiply-add
constexpr int kMaxLines = 49;   // lines of taps: 7x7x3

template <typename T>
struct SlidingTile {
  const T* x[kMaxLines];  // per line of taps: the second input of the tile, since the first may be in the padding
  const float* weight[kMaxLines];
  int lines;
  bool left, right;  // the first or the last input is in the padding
  int64_t input_stride;
  int64_t channels;
  const float* bias;
  const T* residual;
  int64_t residual_stride;
  T* out;
  int64_t out_stride;
  int64_t activation;
};

template <typename T, int kStride, int kColumns>
void sliding_tile(const SlidingTile<T>& tile) {
  constexpr int kInputs = (kColumns - 1) * kStride + 3;
  const int64_t step = tile.input_stride;
  for (int64_t c = 0; c < tile.channels; c += kLanes) {
    const int64_t n = tile.channels - c;
    const auto channels = [&](const auto* p) { return load_some(p + c, n); };
    Vec sum[kColumns] = {};
    for (int line = 0; line < tile.lines; ++line) {
      const T* p = tile.x[line];
      const float* weight = tile.weight[line];
      Vec x[kInputs], w[3];
      x[0] = tile.left ? Vec{} : channels(p - step);
#pragma GCC unroll 15
      for (int i = 1; i < kInputs - 1; ++i) x[i] = channels(p + (i - 1) * step);
      x[kInputs - 1] = tile.right ? Vec{} : channels(p + (kInputs - 2) * step);
#pragma GCC unroll 3
      for (int k = 0; k < 3; ++k) w[k] = channels(weight + k * tile.channels);
#pragma GCC unroll 3
      for (int k = 0; k < 3; ++k) {
#pragma GCC unroll 7
        for (int r = 0; r < kColumns; ++r) sum[r] += x[r * kStride + k] * w[k];
      }
    }
    const Vec bias = tile.bias ? channels(tile.bias) : Vec{};
#pragma GCC unroll 7
    for (int r = 0; r < kColumns; ++r) {
      Vec y = sum[r] + bias;
      if (tile.residual) y += channels(tile.residual + r * tile.residual_stride);
      y = tile.activation == kSwish ? swish(y) : activated(tile.activation, y);
      store_some(tile.out + r * tile.out_stride + c, y, n);
    }
  }
}

template <typename T>
using SlidingFunction = void (*)(const SlidingTile<T>&);
template <typename T, int kStride>
inline SlidingFunction<T> sliding_function(int64_t columns) {
  static constexpr SlidingFunction<T> kFunctions[kMaxColumns] = {
      sliding_tile<T, kStride, 1>, sliding_tile<T, kStride, 2>, sliding_tile<T, kStride, 3>,
      sliding_tile<T, kStride, 4>, sliding_tile<T, kStride, 5>, sliding_tile<T, kStride, 6>,
      sliding_tile<T, kStride, 7>};
  return kFunctions[columns - 1];
}

// One line of outputs. `lines`: the input lines of the window at W = 0, for the taps in `tile.weight`.
template <typename T, typename Geometry>
void slide(const Conv3dArgs& a, const Geometry& g, const T* const* lines, T* out, const T* residual,
           SlidingTile<T>& tile) {
  const int64_t tiles = ceil_div(g.oW, kMaxColumns);
  for (int64_t i = 0; i < tiles; ++i) {
    const int64_t first = i * g.oW / tiles, columns = (i + 1) * g.oW / tiles - first;
    const int64_t w = first * a.stride[2] - a.low[2];  // W of the first input
    tile.left = w < 0;
    tile.right = w + (columns - 1) * a.stride[2] + 2 >= g.W;
    for (int j = 0; j < tile.lines; ++j) tile.x[j] = lines[j] + (w + 1) * tile.input_stride;
    tile.out = out + first * tile.out_stride;
    tile.residual = residual ? residual + first * tile.residual_stride : nullptr;
    (a.stride[2] == 1 ? sliding_function<T, 1> : sliding_function<T, 2>)(columns)(tile);
  }
}

inline bool is_sliding(const Conv3dArgs& a) {
  return a.kernel[2] == 3 && a.stride[2] <= 2 && a.low[2] <= 1 && a.high[2] <= 1 &&
         a.kernel[0] * a.kernel[1] <= kMaxLines;
}

// Scratch memory of a thread: a line of outputs, which is streamed past the caches when it is complete. A single row of
// channels need not begin at a vector boundary.
template <typename T, typename Geometry>
size_t sliding_scratch(const Call& call, const Geometry& g) {
  const Rows y(call.out[0]);
  const bool streams = y.stride == g.C && g.positions * g.C * static_cast<int64_t>(sizeof(T)) >= kStreamBytes;
  return streams ? static_cast<size_t>(ceil_div(g.oW * g.C, kLanes)) * sizeof(Vec) : 0;
}

template <typename T, typename Geometry>
void depthwise_sliding(const Call& call, const Conv3dArgs& a, const Geometry& g) {
  const size_t scratch = sliding_scratch<T>(call, g);
  const int64_t lines_band = max64(2, min64(5, g.oH / 8)), bands = ceil_div(g.oH, lines_band);
  // The tasks of a thread are a range of frames, as in the convolutions before and after, so that a thread reads what
  // it has written.
  const int64_t runs = ceil_div(g.oT, 8);
  const T* residual = values<T>(call.in[3]);
  const RowsOf<T> y(call.out[0]), add(residual ? call.in[3] : call.out[0]);

  call.pool->parallel_for(g.N * runs * bands, [&](int64_t task, int thread) {
    const int64_t band = task % bands, run = task / bands % runs, n = task / (bands * runs);
    T* whole = reinterpret_cast<T*>(call.workspace + static_cast<size_t>(thread) * scratch);
    SlidingTile<T> tile;
    tile.input_stride = g.sW, tile.channels = g.C;
    tile.bias = call.in[2].data ? call.in[2].f32() : nullptr;
    tile.activation = a.activation;
    tile.out_stride = y.stride, tile.residual_stride = add.stride;

    const auto line = [&](int64_t t, int64_t h) {
      const int64_t m = ((n * g.oT + t) * g.oH + h) * g.oW;
      T* out = scratch ? whole : y.data + m * y.stride;
      const T* lines[kMaxLines];  // inputs of the line's first position
      tile.lines = 0;
      for (int64_t kt = 0; kt < a.kernel[0]; ++kt) {
        for (int64_t kh = 0; kh < a.kernel[1]; ++kh) {
          const int64_t it = t * a.stride[0] - a.low[0] + kt, ih = h * a.stride[1] - a.low[1] + kh;
          if (it < 0 || it >= g.T || ih < 0 || ih >= g.H) continue;
          lines[tile.lines] = values<T>(call.in[0]) + n * g.sN + it * g.sT + ih * g.sH;
          tile.weight[tile.lines++] = call.in[1].f32() + (kt * a.kernel[1] + kh) * 3 * g.C;
        }
      }
      slide(a, g, lines, out, residual ? add.data + m * add.stride : nullptr, tile);
      if (scratch) stream_copy(y.data + m * y.stride, whole, g.oW * g.C);
    };
    for (int64_t t = run * g.oT / runs; t < (run + 1) * g.oT / runs; ++t) {
      for (int64_t h = band * g.oH / bands; h < (band + 1) * g.oH / bands; ++h) line(t, h);
    }
  });
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
