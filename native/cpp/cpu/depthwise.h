#pragma once
// Depthwise convolution (groups == Cin == Cout): a lane is a channel, there is no matrix product. Tiles of kTileColumns
// outputs along W share each weight vector; their input pointers are looked up once for all channels. The sum of an
// output runs over the taps in order, taps in the padding left out or multiplied by zeros.
//
// weight: [taps][C].
#include "cpu/gemm_tile.h"
#include "ops/conv3d.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

constexpr int kTileColumns =
    7;                         // divides the widths of video networks (7, 14, 28, 56, 112); 7 sums hide the FMA latency
constexpr int kMaxTaps = 343;  // 7x7x7

// Input rows of a tile. A line is a run of taps along W that slide over the same inputs: all of a 3-wide window with
// stride 1, else a single tap. Lines outside T or H are left out.
struct DepthwiseTile {
  const float* rows[kMaxTaps * (kTileColumns + 2)];  // [line][kTileColumns + width - 1]
  const float* weights[kMaxTaps];                    // [line] -> [width][C]
  int lines;
};

// One vector of channels of a tile, lines of kWidth taps.
template <int kWidth, bool kWhole>
inline void depthwise_vector(const DepthwiseTile& tile, int64_t C, int64_t c, Vec (&sum)[kTileColumns]) {
  constexpr int kInputs = kTileColumns + kWidth - 1;
  const auto channels = [&](const float* p) { return kWhole ? load(p + c) : load_some(p + c, C - c); };
  Vec s[kTileColumns] = {};
  const float* const* row = tile.rows;
  for (int line = 0; line < tile.lines; ++line, row += kInputs) {
    Vec x[kInputs];
#pragma GCC unroll 9
    for (int i = 0; i < kInputs; ++i) x[i] = channels(row[i]);
#pragma GCC unroll 3
    for (int k = 0; k < kWidth; ++k) {
      const Vec w = channels(tile.weights[line] + k * C);
#pragma GCC unroll 7
      for (int r = 0; r < kTileColumns; ++r) s[r] += x[r + k] * w;
    }
  }
#pragma GCC unroll 7
  for (int r = 0; r < kTileColumns; ++r) sum[r] = s[r];
}

// Scratch memory of a thread: a line of outputs that is stored past the caches when it is whole, since rows of channels
// alone need not begin on a vector's boundary.
template <typename Geometry>
size_t depthwise_scratch(const Call& call, const Geometry& g) {
  const Rows y(call.out[0]);
  const bool streams = y.stride == g.C && g.positions * g.C * static_cast<int64_t>(sizeof(float)) >= kStreamBytes;
  return streams ? static_cast<size_t>(ceil_div(g.oW * g.C, kLanes)) * sizeof(Vec) : 0;
}

template <int kWidth, typename Geometry>
void depthwise_lines(const Call& call, const Conv3dArgs& a, const Geometry& g, const float* zeros) {
  constexpr int kInputs = kTileColumns + kWidth - 1;
  const float* bias = call.in[2].data ? call.in[2].f32() : nullptr;
  const float* residual = call.in[3].data ? call.in[3].f32() : nullptr;
  const Rows y(call.out[0]), add(residual ? call.in[3] : call.out[0]);
  // a task is a line of outputs in kFrames consecutive frames, so that a line of inputs is still near when the frames
  // after it need it
  constexpr int64_t kFrames = 16;
  const int64_t runs = ceil_div(g.oT, kFrames);
  const size_t scratch = depthwise_scratch(call, g);
  const auto depthwise_line = [&](int64_t line, int thread) {
    float* out = y.data + line * g.oW * y.stride;
    float* whole = reinterpret_cast<float*>(call.workspace + static_cast<size_t>(thread) * scratch);
    float* target = scratch ? whole : out;
    const int64_t t0 = line / g.oH % g.oT * a.stride[0] - a.low[0], h0 = line % g.oH * a.stride[1] - a.low[1];
    const float* base = call.in[0].f32() + line / (g.oH * g.oT) * g.sN;
    DepthwiseTile tile;
    // the line that enters the window one frame later comes from afar
    const int64_t next_t = t0 + a.kernel[0] - 1 + a.stride[0], next_h = min64(h0 + a.kernel[1], g.H) - 1;
    const float* next = next_t >= 0 && next_t < g.T && next_h >= 0 ? base + next_t * g.sT + next_h * g.sH : nullptr;
    for (int64_t first = 0; first < g.oW; first += kTileColumns) {
      const int columns = static_cast<int>(min64(kTileColumns, g.oW - first));
      tile.lines = 0;
      if (next) {
        const int64_t w = first * a.stride[2];
        const float* end = next + min64(w + kTileColumns * a.stride[2], g.W) * g.sW;
        for (const float* p = next + w * g.sW; p < end; p += 16) __builtin_prefetch(p, 0, 2);
      }
      for (int64_t kt = 0; kt < a.kernel[0]; ++kt) {
        for (int64_t kh = 0; kh < a.kernel[1]; ++kh) {
          const int64_t t = t0 + kt, h = h0 + kh;
          if (t < 0 || t >= g.T || h < 0 || h >= g.H) continue;
          const float* line_in = base + t * g.sT + h * g.sH;
          for (int64_t kw = 0; kw < a.kernel[2]; kw += kWidth) {
            const float** row = tile.rows + tile.lines * kInputs;
            for (int i = 0; i < kInputs; ++i) {
              // inputs past the last column are read for sums that are not stored
              const int64_t w = (first + min64(i, columns + kWidth - 2)) * a.stride[2] - a.low[2] + kw;
              row[i] = w >= 0 && w < g.W ? line_in + w * g.sW : zeros;
            }
            tile.weights[tile.lines++] = call.in[1].f32() + ((kt * a.kernel[1] + kh) * a.kernel[2] + kw) * g.C;
          }
        }
      }
      for (int64_t c = 0; c < g.C; c += kLanes) {
        Vec sum[kTileColumns];
        if (g.C - c >= kLanes) {
          depthwise_vector<kWidth, true>(tile, g.C, c, sum);
        } else {
          depthwise_vector<kWidth, false>(tile, g.C, c, sum);
        }
        const Epilogue e{bias ? bias + c : nullptr, a.activation == 1, false, g.C - c};
        for (int r = 0; r < columns; ++r) {
          const int64_t m = line * g.oW + first + r;
          store_vector(sum[r], e, residual ? add.data + m * add.stride + c : nullptr,
                       target + (first + r) * y.stride + c);
        }
      }
    }
    if (scratch) stream_copy(out, whole, g.oW * g.C);
  };
  call.pool->parallel_for(g.N * runs * g.oH, [&](int64_t task, int thread) {
    const int64_t h = task % g.oH, run = task / g.oH % runs, n = task / (g.oH * runs);
    for (int64_t t = run * kFrames; t < min64(g.oT, (run + 1) * kFrames); ++t)
      depthwise_line((n * g.oT + t) * g.oH + h, thread);
  });
}

template <typename Geometry>
Status depthwise(const Call& call, const Conv3dArgs& a, const Geometry& g, const float* zeros) {
  if (a.taps() > kMaxTaps) return {"conv3d: a depthwise window of more than 343 taps"};
  if (a.kernel[2] == 3 && a.stride[2] == 1) {
    depthwise_lines<3>(call, a, g, zeros);
  } else {
    depthwise_lines<1>(call, a, g, zeros);
  }
  return {};
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
