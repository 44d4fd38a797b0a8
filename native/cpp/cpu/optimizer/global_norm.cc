#include "ops/optimizer/global_norm.h"

#include <cmath>

#include "cpu/optimizer/multi_tensor.h"
#include "cpu/primitives/lanes.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

float sum_of_squares(const float* g, int64_t count) {
  Vec sum[4] = {};
  int64_t i = 0;
  for (; i + 4 * kLanes <= count; i += 4 * kLanes) {
    for (int u = 0; u < 4; ++u) {
      const Vec v = load(g + i + u * kLanes);
      sum[u] += v * v;
    }
  }
  for (; i < count; i += kLanes) {
    const Vec v = load_some(g + i, count - i);
    sum[0] += v * v;
  }
  return sum_lanes((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

// One sum per chunk.
size_t workspace(const Call& call, int) { return static_cast<size_t>(tensor_chunks(call, 1, 1)) * sizeof(float); }

Status global_norm(const Call& call) {
  if (!all_dense(call)) return {"global_norm: dense f32 gradients expected"};
  auto* sums = reinterpret_cast<float*>(call.workspace);
  for_tensor_chunks(call, 1, 1, [&](int k, int64_t begin, int64_t end, int64_t chunk) {
    sums[chunk] = sum_of_squares(call.in[1 + k].f32() + begin, end - begin);
  });
  double sum = 0;
  for (int64_t i = 0; i < tensor_chunks(call, 1, 1); ++i) sum += static_cast<double>(sums[i]);
  const float unscale = call.in[0].f32()[0], most = static_cast<float>(GlobalNormAttributes(call).max_norm);
  const float norm = static_cast<float>(std::sqrt(sum)) * unscale;
  const float clip = most > 0 ? most / (norm + 1e-6f) : 1.0f;
  const bool finite = std::isfinite(norm);
  float* control = call.out[0].f32();
  control[0] = norm;
  control[1] = finite ? unscale * std::fmin(1.0f, clip) : 0.0f;
  control[2] = finite ? 1.0f : 0.0f;
  return {};
}

VIDEOCLIP_KERNEL("global_norm", global_norm, workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
