#include "ops/loss/cross_entropy_grad.h"

#include <algorithm>

#include "cpu/primitives/row_sum.h"
#include "cpu/primitives/vector_math.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status cross_entropy_grad(const Call& call) {
  const CrossEntropyAttributes attrs(call);
  const Rows x(call.in[0]), dx(call.out[0]);
  const int32_t* target = call.in[1].i32();
  const float *weight = call.in[2].f32(), *lse = call.in[3].f32();
  const auto ignored = static_cast<int32_t>(attrs.ignore_index);
  const int64_t C = x.channels;
  const float smoothing = static_cast<float>(attrs.smoothing), share = smoothing / static_cast<float>(C);
  double count = 0;
  for (int64_t r = 0; r < x.rows; ++r) {
    if (target[r] == ignored) continue;
    if (target[r] < 0 || target[r] >= C) return {"cross_entropy_grad: a target is no class"};
    count += weight ? weight[target[r]] : 1.0;
  }
  const float factor = count == 0 ? 0.0f : static_cast<float>(call.in[4].f32()[0] / count);
  const float all =
      weight ? sum_row(C, [&](int64_t c, int64_t n) { return load_some(weight + c, n); }) : static_cast<float>(C);
  const int64_t step = rows_per_task(C);
  call.pool->parallel_for(ceil_div(x.rows, step), [&](int64_t task, int) {
    for (int64_t r = task * step; r < min64(x.rows, (task + 1) * step); ++r) {
      const float* in = x.data + r * x.stride;
      float* out = dx.data + r * dx.stride;
      if (target[r] == ignored) {
        std::fill(out, out + C, 0.0f);
        continue;
      }
      const float own = (1 - smoothing) * (weight ? weight[target[r]] : 1.0f);
      const Vec scale = splat(factor * (own + share * all)), shift = splat(lse[r]);
      for (int64_t c = 0; c < C; c += kLanes) {
        Vec d = scale * exp(load_some(in + c, C - c) - shift);
        if (smoothing > 0) {
          const Vec rest = splat(factor * share);
          d -= weight ? rest * load_some(weight + c, C - c) : rest;
        }
        store_some(out + c, d, C - c);
      }
      out[target[r]] -= factor * own;
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("cross_entropy_grad", cross_entropy_grad, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
