#include "ops/norm/layer_norm.h"

#include <cmath>

#include "cpu/primitives/row_sum.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

void normalise(const float* in, const float* residual, const float* weight, const float* bias, float eps,
               int64_t channels, float* out) {
  if (residual) {
    for (int64_t c = 0; c < channels; c += kLanes) {
      const int64_t n = channels - c;
      store_some(out + c, load_some(in + c, n) + load_some(residual + c, n), n);
    }
    in = out;
  }
  const float mean = sum_row(channels, [&](int64_t c, int64_t n) { return load_some(in + c, n); }) / channels;
  const Vec shift = splat(mean);
  const float square = sum_row(channels, [&](int64_t c, int64_t n) {
    const Vec d = load_some(in + c, n) - shift;
    return n < kLanes ? first_lanes(d * d, n) : d * d;
  });
  const Vec scale = splat(1 / std::sqrt(square / channels + eps));
  for (int64_t c = 0; c < channels; c += kLanes) {
    const int64_t n = channels - c;
    Vec y = (load_some(in + c, n) - shift) * scale;
    if (weight) y *= load_some(weight + c, n);
    if (bias) y += load_some(bias + c, n);
    store_some(out + c, y, n);
  }
}

Status layer_norm(const Call& call) {
  const Rows x(call.in[0]), residual(call.in[3]), y(call.out[0]);
  const float *weight = call.in[1].f32(), *bias = call.in[2].f32();
  const float eps = static_cast<float>(LayerNormAttributes(call).eps);
  const int64_t step = rows_per_task(x.channels);
  call.pool->parallel_for(ceil_div(x.rows, step), [&](int64_t task, int) {
    for (int64_t r = task * step; r < min64(x.rows, (task + 1) * step); ++r) {
      normalise(x.data + r * x.stride, residual.data ? residual.data + r * residual.stride : nullptr, weight, bias, eps,
                x.channels, y.data + r * y.stride);
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("layer_norm", layer_norm, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
