#include "ops/unary.h"

#include "cpu/activation.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status unary(const Call& call) {
  const Rows x(call.in[0]), y(call.out[0]);
  const int kind = static_cast<int>(call.attrs[0]);
  const int64_t step = rows_per_task(x.channels);
  call.pool->parallel_for(ceil_div(x.rows, step), [&](int64_t task, int) {
    for (int64_t r = task * step; r < min64(x.rows, (task + 1) * step); ++r) {
      const float* in = x.data + r * x.stride;
      float* out = y.data + r * y.stride;
      for (int64_t c = 0; c < x.channels; ++c) out[c] = activate(kind, in[c]);
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("unary", unary, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
