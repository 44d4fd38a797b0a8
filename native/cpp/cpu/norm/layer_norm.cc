#include "ops/norm/layer_norm.h"

#include <cmath>

#include "cpu/primitives/row_sum.h"
#include "cpu/primitives/storage.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

template <typename T>
void normalise(const T* in, const T* residual, const float* weight, const float* bias, float eps, int64_t channels,
               T* out) {
  const auto at = [&](int64_t c, int64_t n) {
    const Vec x = load_some(in + c, n);
    return residual ? x + load_some(residual + c, n) : x;
  };
  const float mean = sum_row(channels, at) / channels;
  const Vec shift = splat(mean);
  const float square = sum_row(channels, [&](int64_t c, int64_t n) {
    const Vec d = at(c, n) - shift;
    return n < kLanes ? first_lanes(d * d, n) : d * d;
  });
  const Vec scale = splat(1 / std::sqrt(square / channels + eps));
  for (int64_t c = 0; c < channels; c += kLanes) {
    const int64_t n = channels - c;
    Vec y = (at(c, n) - shift) * scale;
    if (weight) y *= load_some(weight + c, n);
    if (bias) y += load_some(bias + c, n);
    store_some(out + c, y, n);
  }
}

template <typename T>
Status normalise_rows(const Call& call) {
  const RowsOf<T> x(call.in[0]), residual(call.in[3]), y(call.out[0]);
  const float *weight = call.in[1].f32(), *bias = call.in[2].f32();
  const float eps = static_cast<float>(LayerNormAttributes(call).eps);
  const int64_t step = rows_per_task(x.channels);
  call.pool->parallel_for(ceil_div(x.rows, step), [&](int64_t task, int) {
    for (int64_t r = task * step; r < min64(x.rows, (task + 1) * step); ++r) {
      normalise<T>(x.data + r * x.stride, residual.data ? residual.data + r * residual.stride : nullptr, weight, bias,
                   eps, x.channels, y.data + r * y.stride);
    }
  });
  return {};
}

Status layer_norm(const Call& call) {
  return for_storage(call.in[0], [&](auto zero) { return normalise_rows<decltype(zero)>(call); });
}

VIDEOCLIP_KERNEL("layer_norm", layer_norm, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
