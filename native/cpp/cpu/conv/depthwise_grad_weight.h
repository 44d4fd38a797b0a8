#pragma once
// Weight gradient of a depthwise convolution: dW[c, tap] = sum over positions of dy x. A lane is a channel. The lines
// of outputs are divided into splits by the shape alone; the sums [taps][C] of the splits are added in order.
#include "cpu/primitives/simd.h"
#include "ops/conv/conv3d_grad_weight.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

struct DepthwiseSplits {
  int64_t lines, count, size;  // lines of outputs, splits, floats of a split's sums

  DepthwiseSplits(const Call& call, const Conv3dGradWeightArgs& a) {
    const Tensor& dy = call.in[1];
    lines = dy.shape[0] * dy.shape[1] * dy.shape[2];
    count = max64(1, min64(16, lines / 8));
    size = a.taps() * ceil_div(dy.shape[4], kLanes) * kLanes;
  }
};

inline size_t depthwise_grad_weight_bytes(const Call& call, const Conv3dGradWeightArgs& a) {
  const DepthwiseSplits s(call, a);
  return static_cast<size_t>(s.count * s.size) * sizeof(float);
}

// Outputs [begin, end) of a line whose tap `k` along W is inside x.
struct Inside {
  int64_t begin, end;

  Inside(const Conv3dGradWeightArgs& a, int64_t k, int64_t in, int64_t out) {
    const int64_t first = a.low[2] - k, last = in - 1 + a.low[2] - k;  // begin s >= first, (end - 1) s <= last
    begin = first > 0 ? ceil_div(first, a.stride[2]) : 0;
    end = last < 0 ? 0 : min64(out, last / a.stride[2] + 1);
    begin = min64(begin, end);
  }
};

// Adds to `sums` the products of a line for kTaps neighbouring taps and kVectors vectors of channels. These are enough
// sums in flight to hide the latency of a multiply-add. x points to the value that output 0 reads for tap 0.
template <int kTaps, int kVectors>
inline void add_products(const float* x, int64_t x_step, int64_t x_tap, const float* dy, int64_t dy_step,
                         const Inside (&inside)[kTaps], int64_t channels, int64_t C, float* sums) {
  Vec sum[kTaps][kVectors] = {};
  const auto part = [&](const float* p, int v) { return load_some(p + v * kLanes, channels - v * kLanes); };
  int64_t begin = inside[0].begin, end = inside[0].end;
  for (int k = 1; k < kTaps; ++k) begin = max64(begin, inside[k].begin), end = min64(end, inside[k].end);
  end = max64(begin, end);
  const auto one = [&](int64_t o, int k) {
    for (int v = 0; v < kVectors; ++v) sum[k][v] += part(dy + o * dy_step, v) * part(x + o * x_step + k * x_tap, v);
  };
  for (int k = 0; k < kTaps; ++k) {
    for (int64_t o = inside[k].begin; o < min64(begin, inside[k].end); ++o) one(o, k);
  }
  const auto middle = [&](auto load_part) {
    for (int64_t o = begin; o < end; ++o) {
      for (int v = 0; v < kVectors; ++v) {
        const Vec d = load_part(dy + o * dy_step, v);
        for (int k = 0; k < kTaps; ++k) sum[k][v] += d * load_part(x + o * x_step + k * x_tap, v);
      }
    }
  };
  if (channels >= kVectors * kLanes) {
    middle([](const float* p, int v) { return load(p + v * kLanes); });
  } else {
    middle(part);
  }
  for (int k = 0; k < kTaps; ++k) {
    for (int64_t o = max64(end, inside[k].begin); o < inside[k].end; ++o) one(o, k);
    for (int v = 0; v < kVectors; ++v) {
      float* to = sums + k * C + v * kLanes;
      if (v * kLanes < channels) store(to, load(to) + sum[k][v]);
    }
  }
}

template <int kTaps, int kVectors>
inline void add_line(const Conv3dGradWeightArgs& a, const float* x, const float* dy, const Tensor& in,
                     const Tensor& out, int64_t kw, int64_t padded, float* sums) {
  const auto inside = [&](int k) { return Inside(a, kw + k, in.shape[3], out.shape[3]); };
  const auto add = [&](const Inside(&range)[kTaps]) {
    const float* from = x + (kw - a.low[2]) * in.strides[3];
    for (int64_t c = 0; c < out.shape[4]; c += kVectors * kLanes) {
      add_products<kTaps, kVectors>(from + c, a.stride[2] * in.strides[3], in.strides[3], dy + c, out.strides[3], range,
                                    out.shape[4] - c, padded, sums + kw * padded + c);
    }
  };
  if constexpr (kTaps == 3) {
    add({inside(0), inside(1), inside(2)});
  } else {
    add({inside(0)});
  }
}

inline void depthwise_grad_weight(const Call& call, const Conv3dGradWeightArgs& a) {
  const Tensor &x = call.in[0], &dy = call.in[1];
  const DepthwiseSplits splits(call, a);
  const int64_t C = dy.shape[4], padded = ceil_div(C, kLanes) * kLanes;
  float* partial = reinterpret_cast<float*>(call.workspace);
  call.pool->parallel_for(splits.count, [&](int64_t split, int) {
    float* sums = partial + split * splits.size;
    for (int64_t i = 0; i < splits.size; ++i) sums[i] = 0;
    for (int64_t line = splits.lines * split / splits.count; line < splits.lines * (split + 1) / splits.count; ++line) {
      const int64_t n = line / (dy.shape[1] * dy.shape[2]), t = line / dy.shape[2] % dy.shape[1],
                    h = line % dy.shape[2];
      const float* d = dy.f32() + n * dy.strides[0] + t * dy.strides[1] + h * dy.strides[2];
      for (int64_t kt = 0; kt < a.kernel[0]; ++kt) {
        const int64_t it = t * a.stride[0] + kt - a.low[0];
        if (it < 0 || it >= x.shape[1]) continue;
        for (int64_t kh = 0; kh < a.kernel[1]; ++kh) {
          const int64_t ih = h * a.stride[1] + kh - a.low[1];
          if (ih < 0 || ih >= x.shape[2]) continue;
          const float* row = x.f32() + n * x.strides[0] + it * x.strides[1] + ih * x.strides[2];
          float* taps = sums + (kt * a.kernel[1] + kh) * a.kernel[2] * padded;
          int64_t kw = 0;
          for (; kw + 3 <= a.kernel[2]; kw += 3) add_line<3, 2>(a, row, d, x, dy, kw, padded, taps);
          for (; kw < a.kernel[2]; ++kw) add_line<1, 4>(a, row, d, x, dy, kw, padded, taps);
        }
      }
    }
  });
  float* out = call.out[0].f32();
  for (int64_t tap = 0; tap < a.taps(); ++tap) {
    for (int64_t c = 0; c < C; ++c) {
      float sum = 0;
      for (int64_t s = 0; s < splits.count; ++s) sum += partial[s * splits.size + tap * padded + c];
      out[c * a.taps() + tap] = sum;
    }
  }
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
