#include "ops/pool/max_pool3d.h"

#include "cpu/pool/largest.h"
#include "cpu/pool/window.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

constexpr int kChunk = 4;  // vectors of channels per pass over a row: whole cache lines, few streams

size_t workspace(const Call& call, int threads) {
  return static_cast<size_t>(threads * call.in[0].shape[3] * kChunk) * sizeof(Vec);
}

// The maxima of `vectors` vectors of one column over T and H. kWhole: there are kChunk vectors, all of them whole.
template <typename T, bool kWhole>
inline void best_of_lines(const Tensor& x, const T* in, int64_t frames, int64_t lines, int vectors, int64_t channels,
                          typename Largest<T>::Vector* columns) {
  using L = Largest<T>;
  for (int v = 0; v < (kWhole ? kChunk : vectors); ++v, in += L::kValues, channels -= L::kValues) {
    typename L::Vector best = L::lowest();
    for (int64_t t = 0; t < frames; ++t) {
      const T* line = in + t * x.strides[1];
      for (int64_t h = 0; h < lines; ++h, line += x.strides[2]) {
        best = L::of(best, L::load(line, kWhole ? L::kValues : channels));
      }
    }
    columns[v] = best;
  }
}

// For each row of outputs, first takes the maximum over T and H of every input column, then over W, so that windows
// that overlap along W share the larger part of the work.
template <typename T>
Status max_pool(const Call& call) {
  using L = Largest<T>;
  using Vector = typename L::Vector;
  const MaxPool3dAttributes a(call);
  const Tensor &x = call.in[0], &y = call.out[0];
  const int64_t C = x.shape[4], W = x.shape[3], oT = y.shape[1], oH = y.shape[2], oW = y.shape[3];
  call.pool->parallel_for(y.shape[0] * oT * oH, [&](int64_t line, int thread) {
    Vector* columns = reinterpret_cast<Vector*>(call.workspace) + thread * W * kChunk;
    const int64_t n = line / (oT * oH), ot = line / oH % oT, oh = line % oH;
    const Window t(a, 0, ot, x.shape[1]), h(a, 1, oh, x.shape[2]);
    const bool padding = t.inside() * h.inside() < t.padded * h.padded;
    const T* base = values<T>(x) + n * x.strides[0] + t.begin * x.strides[1] + h.begin * x.strides[2];
    T* out = values<T>(y) + n * y.strides[0] + ot * y.strides[1] + oh * y.strides[2];
    for (int64_t c0 = 0; c0 < C; c0 += kChunk * L::kValues) {
      const int vectors = static_cast<int>(min64(kChunk, ceil_div(C - c0, L::kValues)));
      for (int64_t w = 0; w < W; ++w) {
        const T* in = base + w * x.strides[3] + c0;
        if (C - c0 >= kChunk * L::kValues) {
          best_of_lines<T, true>(x, in, t.inside(), h.inside(), kChunk, C - c0, columns + w * kChunk);
        } else {
          best_of_lines<T, false>(x, in, t.inside(), h.inside(), vectors, C - c0, columns + w * kChunk);
        }
      }
      for (int64_t ow = 0; ow < oW; ++ow) {
        const Window w(a, 2, ow, W);
        const bool zeros = a.zero_padding && (padding || w.inside() < w.padded);
        for (int v = 0; v < vectors; ++v) {
          const int64_t c = c0 + v * L::kValues;
          Vector best = zeros ? L::zero() : L::lowest();
          for (int64_t iw = w.begin; iw < w.end; ++iw) best = L::of(best, columns[iw * kChunk + v]);
          L::store(out + ow * y.strides[3] + c, best, C - c);
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
