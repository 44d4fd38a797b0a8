#include "ops/attention/softmax_grad.h"

#include "cpu/primitives/row_sum.h"
#include "cpu/primitives/vector_math.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

void row(const float* y, const float* dy, bool log, int64_t C, float* dx) {
  const Vec sum = splat(sum_row(C, [&](int64_t c, int64_t n) {
    const Vec d = load_some(dy + c, n);
    return log ? d : d * load_some(y + c, n);
  }));
  for (int64_t c = 0; c < C; c += kLanes) {
    const Vec v = load_some(y + c, C - c), d = load_some(dy + c, C - c);
    store_some(dx + c, log ? d - exp(v) * sum : v * (d - sum), C - c);
  }
}

Status softmax_grad(const Call& call) {
  const Rows y(call.in[0]), dy(call.in[1]), dx(call.out[0]);
  const bool log = SoftmaxAttributes(call).log;
  const int64_t step = rows_per_task(y.channels);
  call.pool->parallel_for(ceil_div(y.rows, step), [&](int64_t task, int) {
    for (int64_t r = task * step; r < min64(y.rows, (task + 1) * step); ++r) {
      row(y.data + r * y.stride, dy.data + r * dy.stride, log, y.channels, dx.data + r * dx.stride);
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("softmax_grad", softmax_grad, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
