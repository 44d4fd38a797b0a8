#include "ops/conv/pack_winograd_weight.h"

#include "cpu/gemm/panels.h"
#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

constexpr int P = Winograd::kPoints, K = Winograd::kTaps;

typedef double Doubles __attribute__((vector_size(kLanes * 8)));  // one output channel per lane

// Transforms taps [9] to points [36], or [3] to [6], for `count` outputs whose weights are `stride` apart.
void transform(const float* w, int64_t stride, int64_t count, bool spatial, Doubles* u) {
  Doubles g[K * K] = {}, rows[P * K];
  for (int i = 0; i < (spatial ? K * K : K); ++i) {
    for (int64_t o = 0; o < count; ++o) g[i][o] = w[o * stride + i];
  }
  if (!spatial) return Winograd::weight(g, 1, u, 1);
  for (int x = 0; x < K; ++x) Winograd::weight(g + x, K, rows + x, K);
  for (int i = 0; i < P; ++i) Winograd::weight(rows + i * K, 1, u + i * P, 1);
}

Status pack_winograd_weight(const Call& call) {
  const Tensor& w = call.in[0];
  const int64_t columns = w.shape[0], channels = w.shape[1];
  const bool spatial = w.shape[2] == 1;
  const int64_t taps = spatial ? K * K : K, points = spatial ? P * P : P;
  const Panels p{columns, points * channels};
  if (p.size() > call.out[0].elements()) return {"pack_winograd_weight: output too small"};
  call.pool->parallel_for(p.count(), [&](int64_t i, int) {
    const int64_t width = p.width(i), used = p.used(i);
    float* panel = call.out[0].f32() + p.offset(i);
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t o = 0; o < width; o += kLanes) {
        Doubles u[P * P] = {};
        const int64_t count = max64(0, min64(kLanes, used - o));
        if (count > 0) {
          transform(w.f32() + ((p.first(i) + o) * channels + c) * taps, channels * taps, count, spatial, u);
        }
        for (int64_t e = 0; e < points; ++e) {
          store(panel + (e * channels + c) * width + o, __builtin_convertvector(u[e], Vec));
        }
      }
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("pack_winograd_weight", pack_winograd_weight, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
