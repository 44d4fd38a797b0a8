#pragma once
// Depthwise convolution along T alone (3x1x1, 5x1x1 and similar). A line of W * C floats is treated as one long vector
// whose weights repeat every C floats. kFrames outputs that are neighbours in time share their inputs and weights in
// registers.
//
// weight: [taps][C].
#include <numeric>

#include "cpu/elementwise/activation.h"
#include "cpu/gemm/gemm_tile.h"
#include "ops/conv/conv3d.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

// The period of the weights in whole vectors: the number of floats after which channel 0 is at the start of a vector
// again.
inline int64_t weight_period(int64_t channels) { return std::lcm(channels, static_cast<int64_t>(kLanes)); }

template <typename Geometry>
bool is_along_frames(const Call& call, const Conv3dArgs& a, const Geometry& g) {
  constexpr int64_t kMaxBytes = 16 << 10;  // the repeated weights must leave the L1 cache to the inputs
  const Rows y(call.out[0]);
  for (int axis = 1; axis < 3; ++axis) {
    if (a.kernel[axis] != 1 || a.stride[axis] != 1 || a.low[axis] || a.high[axis]) return false;
  }
  return (a.kernel[0] == 3 || a.kernel[0] == 5) && a.stride[0] == 1 && g.sW == g.C && y.stride == g.C &&
         !call.in[3].rank && weight_period(g.C) * a.kernel[0] * static_cast<int64_t>(sizeof(float)) <= kMaxBytes;
}

template <typename Geometry>
size_t frames_scratch(const Conv3dArgs& a, const Geometry& g) {
  return static_cast<size_t>((a.kernel[0] + 1) * weight_period(g.C)) * sizeof(float);
}

// kRows outputs of a line: out[r][i] = act(bias[i] + sum over k of in[r + k][i] * weight[k][i]). A null line is
// padding.
template <int kTaps, int kRows, typename T>
inline void frames_line(const T* const* in, const float* weight, int64_t period, int64_t n, int64_t activation,
                        bool streams, T* const* out) {
  const float* bias = weight + kTaps * period;
  for (int64_t first = 0; first < n; first += period) {
    for (int64_t j = 0; j < period && first + j < n; j += kLanes) {
      const int64_t i = first + j;
      Vec x[kRows + kTaps - 1], sum[kRows];
#pragma GCC unroll 8
      for (int r = 0; r < kRows + kTaps - 1; ++r) x[r] = in[r] ? load_some(in[r] + i, n - i) : Vec{};
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) sum[r] = Vec{};
#pragma GCC unroll 5
      for (int k = 0; k < kTaps; ++k) {
        const Vec w = load(weight + k * period + j);
#pragma GCC unroll 4
        for (int r = 0; r < kRows; ++r) sum[r] += x[r + k] * w;
      }
      const Vec b = load(bias + j);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const Vec y = activated(activation, sum[r] + b);
        if (streams && n - i >= kLanes) {
          stream(out[r] + i, y);
        } else {
          store_some(out[r] + i, y, n - i);
        }
      }
    }
  }
}

template <typename T, int kTaps, typename Geometry>
void depthwise_frames(const Call& call, const Conv3dArgs& a, const Geometry& g) {
  constexpr int kRows = 4;  // 4 sums, 8 inputs and 5 weights fit the registers of the instruction sets that have 32
  const T* x = values<T>(call.in[0]);
  const float *w = call.in[1].f32(), *b = call.in[2].data ? call.in[2].f32() : nullptr;
  T* y = values<T>(call.out[0]);
  const int64_t period = weight_period(g.C), n = g.W * g.C, frame = g.oH * n;
  const size_t scratch = frames_scratch(a, g);
  const bool streams = n % kLanes == 0 && reinterpret_cast<uintptr_t>(y) % sizeof(Vec) == 0 &&
                       g.positions * g.C * static_cast<int64_t>(sizeof(T)) >= kStreamBytes;
  call.pool->parallel_for(g.N * g.oH, [&](int64_t task, int thread) {
    float* weight = reinterpret_cast<float*>(call.workspace + static_cast<size_t>(thread) * scratch);
    for (int64_t i = 0; i < period; ++i) {
      for (int k = 0; k < kTaps; ++k) weight[k * period + i] = w[k * g.C + i % g.C];
      weight[kTaps * period + i] = b ? b[i % g.C] : 0.0f;
    }
    const int64_t clip = task / g.oH, h = task % g.oH;
    const T* base = x + clip * g.sN + h * g.sH;
    T* out_base = y + clip * g.oT * frame + h * n;
    for (int64_t t = 0; t < g.oT; t += kRows) {
      const int rows = static_cast<int>(min64(kRows, g.oT - t));
      const T* in[kRows + kTaps - 1];
      T* out[kRows];
      for (int r = 0; r < rows + kTaps - 1; ++r) {
        const int64_t from = t + r - a.low[0];
        in[r] = from >= 0 && from < g.T ? base + from * g.sT : nullptr;
      }
      for (int r = 0; r < rows; ++r) out[r] = out_base + (t + r) * frame;
      if (rows == kRows) {
        frames_line<kTaps, kRows>(in, weight, period, n, a.activation, streams, out);
      } else {
        for (int r = 0; r < rows; ++r) frames_line<kTaps, 1>(in + r, weight, period, n, a.activation, streams, out + r);
      }
    }
    if (streams) stream_end();
  });
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
