#include "ops/pool/max_pool3d.h"

#include "cpu/pool/window.h"
#include "cpu/primitives/storage.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

constexpr int kChunk = 4;  // vectors of channels per pass over a row: whole cache lines, few streams

// NaN wins, as in PyTorch.
inline Vec keep_max(Vec best, Vec x) { return (best >= x) | (best != best) ? best : x; }

size_t workspace(const Call& call, int threads) {
  return static_cast<size_t>(threads * call.in[0].shape[3] * kChunk) * sizeof(Vec);
}

// For each row of outputs, first takes the maximum over T and H of every input column, then over W, so that windows
// that overlap along W share the larger part of the work.
template <typename T>
Status max_pool(const Call& call) {
  const MaxPool3dAttributes a(call);
  const Tensor &x = call.in[0], &y = call.out[0];
  const int64_t C = x.shape[4], W = x.shape[3], oT = y.shape[1], oH = y.shape[2], oW = y.shape[3];
  call.pool->parallel_for(y.shape[0] * oT * oH, [&](int64_t line, int thread) {
    float* columns = reinterpret_cast<float*>(call.workspace) + thread * W * kChunk * kLanes;
    const int64_t n = line / (oT * oH), ot = line / oH % oT, oh = line % oH;
    const Window t(a, 0, ot, x.shape[1]), h(a, 1, oh, x.shape[2]);
    const bool padding = t.inside() * h.inside() < t.padded * h.padded;
    const T* base = values<T>(x) + n * x.strides[0] + t.begin * x.strides[1] + h.begin * x.strides[2];
    T* out = values<T>(y) + n * y.strides[0] + ot * y.strides[1] + oh * y.strides[2];
    for (int64_t c0 = 0; c0 < C; c0 += kChunk * kLanes) {
      const int vectors = static_cast<int>(min64(kChunk, ceil_div(C - c0, kLanes)));
      for (int64_t w = 0; w < W; ++w) {
        for (int v = 0; v < vectors; ++v) {
          const int64_t c = c0 + v * kLanes;
          Vec best = splat(-__builtin_inff());
          for (int64_t it = 0; it < t.inside(); ++it) {
            for (int64_t ih = 0; ih < h.inside(); ++ih) {
              best =
                  keep_max(best, load_some(base + it * x.strides[1] + ih * x.strides[2] + w * x.strides[3] + c, C - c));
            }
          }
          store(columns + (w * kChunk + v) * kLanes, best);
        }
      }
      for (int64_t ow = 0; ow < oW; ++ow) {
        const Window w(a, 2, ow, W);
        const float start = a.zero_padding && (padding || w.inside() < w.padded) ? 0.0f : -__builtin_inff();
        for (int v = 0; v < vectors; ++v) {
          const int64_t c = c0 + v * kLanes;
          Vec best = splat(start);
          for (int64_t iw = w.begin; iw < w.end; ++iw)
            best = keep_max(best, load(columns + (iw * kChunk + v) * kLanes));
          store_some(out + ow * y.strides[3] + c, best, C - c);
        }
      }
    }
  });
  return {};
}

Status max_pool3d(const Call& call) {
  return for_storage(call.in[0], [&](auto zero) { return max_pool<decltype(zero)>(call); });
}

VIDEOCLIP_KERNEL("max_pool3d", max_pool3d, workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
