#include "ops/pool/global_mean_grad.h"

#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status global_mean_grad(const Call& call) {
  const Rows dy(call.in[0]), dx(call.out[0]);
  if (dx.rows == 0) return {};
  const int64_t positions = dx.rows / dy.rows, step = rows_per_task(dx.channels);
  const Vec count = splat(static_cast<float>(positions));
  call.pool->parallel_for(ceil_div(dx.rows, step), [&](int64_t task, int) {
    for (int64_t r = task * step; r < min64(dx.rows, (task + 1) * step); ++r) {
      const float* in = dy.data + r / positions * dy.stride;
      float* out = dx.data + r * dx.stride;
      for (int64_t c = 0; c < dx.channels; c += kLanes) {
        store_some(out + c, load_some(in + c, dx.channels - c) / count, dx.channels - c);
      }
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("global_mean_grad", global_mean_grad, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
