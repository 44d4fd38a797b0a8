#include "ops/norm/batch_norm.h"

#include <cmath>

#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status batch_norm(const Call& call) {
  const BatchNormAttributes attrs(call);
  const Rows x(call.in[0]), y(call.out[0]);
  const float *weight = call.in[1].f32(), *bias = call.in[2].f32(), *mean = call.in[3].f32(), *var = call.in[4].f32();
  const double eps = attrs.eps;
  const bool relu = attrs.relu;
  const int64_t step = rows_per_task(x.channels);
  call.pool->parallel_for(ceil_div(x.rows, step), [&](int64_t task, int) {
    for (int64_t r = task * step; r < min64(x.rows, (task + 1) * step); ++r) {
      const float* in = x.data + r * x.stride;
      float* out = y.data + r * y.stride;
      for (int64_t c = 0; c < x.channels; ++c) {
        const double v = (static_cast<double>(in[c]) - mean[c]) / std::sqrt(var[c] + eps) * weight[c] + bias[c];
        out[c] = relu && v < 0 ? 0.0f : static_cast<float>(v);
      }
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("batch_norm", batch_norm, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
