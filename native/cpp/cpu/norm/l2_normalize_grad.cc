#include "ops/norm/l2_normalize_grad.h"

#include <cmath>

#include "cpu/primitives/row_sum.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

void row(const float* x, const float* dy, float eps, int64_t C, float* dx) {
  const float norm = std::sqrt(sum_row(C, [&](int64_t c, int64_t n) {
    const Vec v = load_some(x + c, n);
    return v * v;
  }));
  const float divisor = norm <= eps ? eps : norm;  // a norm of NaN makes the whole row NaN
  const float product =
      sum_row(C, [&](int64_t c, int64_t n) { return load_some(x + c, n) / splat(divisor) * load_some(dy + c, n); });
  const Vec along = splat(norm > eps ? product : 0.0f);
  for (int64_t c = 0; c < C; c += kLanes) {
    const Vec unit = load_some(x + c, C - c) / splat(divisor);
    store_some(dx + c, (load_some(dy + c, C - c) - unit * along) / splat(divisor), C - c);
  }
}

Status l2_normalize_grad(const Call& call) {
  const Rows x(call.in[0]), dy(call.in[1]), dx(call.out[0]);
  const float eps = static_cast<float>(L2NormalizeAttributes(call).eps);
  const int64_t step = rows_per_task(x.channels);
  call.pool->parallel_for(ceil_div(x.rows, step), [&](int64_t task, int) {
    for (int64_t r = task * step; r < min64(x.rows, (task + 1) * step); ++r) {
      row(x.data + r * x.stride, dy.data + r * dy.stride, eps, x.channels, dx.data + r * dx.stride);
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("l2_normalize_grad", l2_normalize_grad, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
