#include "ops/norm/layer_norm_grad.h"

#include <cmath>

#include "cpu/primitives/row_sum.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

// The rows of a chunk, which are summed in order. There are at most 256 chunks.
int64_t chunk_rows(int64_t rows) { return max64(16, ceil_div(rows, 256)); }

size_t workspace(const Call& call, int) {
  if (call.outputs == 1) return 0;
  const Rows x(call.in[0]);
  return static_cast<size_t>(2 * x.channels * ceil_div(x.rows, chunk_rows(x.rows))) * sizeof(float);
}

// Computes dx of a row, and adds the row to dw and db (may be null).
void add_row(const float* x, const float* residual, const float* weight, const float* dy, float eps, int64_t C,
             float* dx, float* dw, float* db) {
  const auto u = [&](int64_t c) {
    const Vec v = load_some(x + c, C - c);
    return residual ? v + load_some(residual + c, C - c) : v;
  };
  // g is rounded before its mean is subtracted, so that nothing is left of a single channel.
  for (int64_t c = 0; c < C; c += kLanes) {
    const Vec v = load_some(dy + c, C - c);
    store_some(dx + c, weight ? v * load_some(weight + c, C - c) : v, C - c);
  }
  const auto g = [&](int64_t c) { return load_some(dx + c, C - c); };
  const Vec mean = splat(sum_row(C, [&](int64_t c, int64_t) { return u(c); }) / C);
  const float square = sum_row(C, [&](int64_t c, int64_t n) {
    const Vec d = u(c) - mean;
    return n < kLanes ? first_lanes(d * d, n) : d * d;
  });
  const Vec scale = splat(1 / std::sqrt(square / C + eps));
  const Vec mean_g = splat(sum_row(C, [&](int64_t c, int64_t) { return g(c); }) / C);
  const Vec mean_gn = splat(sum_row(C, [&](int64_t c, int64_t) { return g(c) * (u(c) - mean) * scale; }) / C);
  for (int64_t c = 0; c < C; c += kLanes) {
    const int64_t left = C - c;
    const Vec n = (u(c) - mean) * scale, d = load_some(dy + c, left);
    if (dw) {
      store_some(dw + c, load_some(dw + c, left) + d * n, left);
      store_some(db + c, load_some(db + c, left) + d, left);
    }
    store_some(dx + c, scale * (g(c) - mean_g - n * mean_gn), left);
  }
}

Status layer_norm_grad(const Call& call) {
  const Rows x(call.in[0]), residual(call.in[2]), dy(call.in[3]), dx(call.out[0]);
  const float* weight = call.in[1].f32();
  const float eps = static_cast<float>(LayerNormGradAttributes(call).eps);
  const int64_t C = x.channels, step = chunk_rows(x.rows), chunks = ceil_div(x.rows, step);
  const bool vectors = call.outputs > 1;
  float* partial = reinterpret_cast<float*>(call.workspace);
  call.pool->parallel_for(chunks, [&](int64_t chunk, int) {
    float* dw = vectors ? partial + chunk * 2 * C : nullptr;
    for (int64_t c = 0; vectors && c < 2 * C; ++c) dw[c] = 0;
    for (int64_t r = chunk * step; r < min64(x.rows, (chunk + 1) * step); ++r) {
      add_row(x.data + r * x.stride, residual.data ? residual.data + r * residual.stride : nullptr, weight,
              dy.data + r * dy.stride, eps, C, dx.data + r * dx.stride, dw, dw + (vectors ? C : 0));
    }
  });
  if (!vectors) return {};
  for (int i = 0; i < 2; ++i) {
    float* out = call.out[1 + i].f32();
    for (int64_t c = 0; c < C; c += kLanes) {
      Vec sum = {};
      for (int64_t chunk = 0; chunk < chunks; ++chunk) sum += load_some(partial + (2 * chunk + i) * C + c, C - c);
      store_some(out + c, sum, C - c);
    }
  }
  return {};
}

VIDEOCLIP_KERNEL("layer_norm_grad", layer_norm_grad, workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
