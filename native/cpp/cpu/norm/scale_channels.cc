#include "ops/norm/scale_channels.h"

#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status scale_channels(const Call& call) {
  const Rows x(call.in[0]), g(call.in[1]), y(call.out[0]);
  const int64_t per_clip = max64(1, x.rows / max64(1, g.rows)), step = rows_per_task(x.channels);
  call.pool->parallel_for(ceil_div(x.rows, step), [&](int64_t task, int) {
    for (int64_t r = task * step; r < min64(x.rows, (task + 1) * step); ++r) {
      const float* in = x.data + r * x.stride;
      const float* scale = g.data + r / per_clip * g.stride;
      float* out = y.data + r * y.stride;
      for (int64_t c = 0; c < x.channels; ++c) out[c] = in[c] * scale[c];
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("scale_channels", scale_channels, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
