#include "ops/norm/l2_normalize.h"

#include <cmath>

#include "cpu/primitives/row_sum.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status l2_normalize(const Call& call) {
  const Rows x(call.in[0]), y(call.out[0]);
  const float eps = static_cast<float>(L2NormalizeAttributes(call).eps);
  const int64_t step = rows_per_task(x.channels);
  call.pool->parallel_for(ceil_div(x.rows, step), [&](int64_t task, int) {
    for (int64_t r = task * step; r < min64(x.rows, (task + 1) * step); ++r) {
      const float* in = x.data + r * x.stride;
      const float norm = std::sqrt(sum_row(x.channels, [&](int64_t c, int64_t n) {
        const Vec v = load_some(in + c, n);
        return v * v;
      }));
      const Vec divisor = splat(norm <= eps ? eps : norm);  // a norm of NaN makes the whole row NaN
      for (int64_t c = 0; c < x.channels; c += kLanes) {
        store_some(y.data + r * y.stride + c, load_some(in + c, x.channels - c) / divisor, x.channels - c);
      }
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("l2_normalize", l2_normalize, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
