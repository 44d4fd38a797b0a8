#include "ops/pool/max_pool3d_grad.h"

#include "cpu/pool/window_gather.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

// The tap of the window that an output came from, in 16 bits, so that the second pass reads little. -1 means none.
typedef int16_t Taps __attribute__((vector_size(kLanes * 2), aligned(2), may_alias));
typedef int32_t Words __attribute__((vector_size(kLanes * 4), aligned(4)));
constexpr int64_t kMaxTaps = 32767;

int64_t padded_channels(const Call& call) { return ceil_div(call.in[0].shape[4], kLanes) * kLanes; }

size_t workspace(const Call& call, int) {
  const Tensor& dy = call.in[1];
  return static_cast<size_t>(dy.shape[0] * dy.shape[1] * dy.shape[2] * dy.shape[3] * padded_channels(call)) *
         sizeof(int16_t);
}

// Finds the taps of one window for a vector of channels. The padding takes part if `a.zero_padding` is set.
struct Search {
  const MaxPool3dAttributes& a;
  const Tensor& x;
  Vec best = splat(-__builtin_inff());
  Words tap = Words{} - 1;

  void take(Vec v, int32_t index) {
    const Words better = v > best;
    best = better ? v : best;
    tap = better ? Words{} + index : tap;
  }

  void run(const float* clip, const int64_t (&start)[3], const int64_t (&padded)[3], int64_t channels) {
    for (int64_t kt = 0; kt < padded[0]; ++kt) {
      const int64_t t = start[0] + kt;
      const bool in_t = t >= 0 && t < x.shape[1];
      for (int64_t kh = 0; kh < padded[1]; ++kh) {
        const int64_t h = start[1] + kh;
        const bool in_h = in_t && h >= 0 && h < x.shape[2];
        const int64_t first = (kt * a.kernel[1] + kh) * a.kernel[2];
        const float* row = clip + t * x.strides[1] + h * x.strides[2];
        for (int64_t kw = 0; kw < padded[2]; ++kw) {
          const int64_t w = start[2] + kw;
          if (in_h && w >= 0 && w < x.shape[3]) {
            take(load_some(row + w * x.strides[3], channels), static_cast<int32_t>(first + kw));
          } else if (a.zero_padding) {
            take(Vec{}, -1);
          }
        }
      }
    }
  }
};

void find_maxima(const Call& call, const MaxPool3dAttributes& a, int16_t* taps) {
  const Tensor &x = call.in[0], &dy = call.in[1];
  const int64_t C = x.shape[4], padded_c = padded_channels(call);
  for_each_row(call, dy, [&](int64_t n, int64_t ot, int64_t oh, int) {
    const float* clip = x.f32() + n * x.strides[0];
    int16_t* out = taps + ((n * dy.shape[1] + ot) * dy.shape[2] + oh) * dy.shape[3] * padded_c;
    for (int64_t ow = 0; ow < dy.shape[3]; ++ow, out += padded_c) {
      const int64_t at[3] = {ot, oh, ow};
      int64_t start[3], padded[3];
      for (int i = 0; i < 3; ++i) {
        start[i] = at[i] * a.stride[i] - a.low[i];
        padded[i] = Window(a, i, at[i], x.shape[1 + i]).padded;
      }
      for (int64_t c = 0; c < C; c += kLanes) {
        Search search{a, x};
        search.run(clip + c, start, padded, C - c);
        *reinterpret_cast<Taps*>(out + c) = __builtin_convertvector(search.tap, Taps);
      }
    }
  });
}

void gather(const Call& call, const MaxPool3dAttributes& a, const int16_t* taps) {
  const Tensor &dy = call.in[1], &dx = call.out[0];
  const int64_t C = dx.shape[4], padded_c = padded_channels(call);
  for_each_row(call, dx, [&](int64_t n, int64_t t, int64_t h, int) {
    const Windows wt(a, 0, t, dy.shape[1]), wh(a, 1, h, dy.shape[2]);
    float* out = dx.f32() + n * dx.strides[0] + t * dx.strides[1] + h * dx.strides[2];
    for (int64_t w = 0; w < dx.shape[3]; ++w, out += dx.strides[3]) {
      const Windows ww(a, 2, w, dy.shape[3]);
      for (int64_t c = 0; c < C; c += kLanes) {
        Vec sum = {};
        for (int64_t ot = wt.begin; ot < wt.end; ++ot) {
          const int64_t kt = t + a.low[0] - ot * a.stride[0];
          for (int64_t oh = wh.begin; oh < wh.end; ++oh) {
            const int64_t kh = h + a.low[1] - oh * a.stride[1];
            const int16_t* from = taps + ((n * dy.shape[1] + ot) * dy.shape[2] + oh) * dy.shape[3] * padded_c + c;
            const float* grad = dy.f32() + n * dy.strides[0] + ot * dy.strides[1] + oh * dy.strides[2] + c;
            const int64_t first = (kt * a.kernel[1] + kh) * a.kernel[2] + w + a.low[2];
            for (int64_t ow = ww.begin; ow < ww.end; ++ow) {
              const Words tap = Words{} + static_cast<int32_t>(first - ow * a.stride[2]);
              const Words window_taps =
                  __builtin_convertvector(*reinterpret_cast<const Taps*>(from + ow * padded_c), Words);
              sum += window_taps == tap ? load_some(grad + ow * dy.strides[3], C - c) : Vec{};
            }
          }
        }
        store_some(out + c, sum, C - c);
      }
    }
  });
}

Status max_pool3d_grad(const Call& call) {
  const MaxPool3dAttributes a(call);
  if (a.kernel[0] * a.kernel[1] * a.kernel[2] > kMaxTaps) return {"max_pool3d_grad: a window of more than 32767 taps"};
  int16_t* taps = reinterpret_cast<int16_t*>(call.workspace);
  find_maxima(call, a, taps);
  gather(call, a, taps);
  return {};
}

VIDEOCLIP_KERNEL("max_pool3d_grad", max_pool3d_grad, workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
