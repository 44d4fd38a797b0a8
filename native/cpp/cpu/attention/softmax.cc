#include "ops/attention/softmax.h"

#include <cmath>
#include <limits>

#include "cpu/primitives/lanes.h"
#include "cpu/primitives/vector_math.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

float highest(const float* x, int64_t n) {
  Vec row_max = splat(-std::numeric_limits<float>::infinity());
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) row_max = maximum(load(x + i), row_max);
  float most = max_lanes(row_max);
  for (; i < n; ++i) most = x[i] > most ? x[i] : most;
  return most;
}

// Stores exp(x - row_max) of a row in `out`, unless it is null; returns the sum.
float exponentials(const float* x, int64_t n, float row_max, float* out) {
  Vec sum = {};
  for (int64_t i = 0; i < n; i += kLanes) {
    const int64_t used = n - i;
    const Vec e = exp(load_some(x + i, used) - splat(row_max));
    if (out) store_some(out + i, e, used);
    sum += used < kLanes ? first_lanes(e, used) : e;
  }
  return sum_lanes(sum);
}

Status softmax(const Call& call) {
  const Rows x(call.in[0]), y(call.out[0]);
  const bool log = SoftmaxAttributes(call).log;
  const int64_t n = x.channels, step = rows_per_task(n);
  call.pool->parallel_for(ceil_div(x.rows, step), [&](int64_t task, int) {
    for (int64_t r = task * step; r < min64(x.rows, (task + 1) * step); ++r) {
      const float* in = x.data + r * x.stride;
      float* out = y.data + r * y.stride;
      const float row_max = highest(in, n), sum = exponentials(in, n, row_max, log ? nullptr : out);
      const Vec rest = splat(log ? std::log(sum) : 1 / sum), first = splat(row_max);
      for (int64_t c = 0; c < n; c += kLanes) {
        const int64_t used = n - c;
        store_some(out + c, log ? load_some(in + c, used) - first - rest : load_some(out + c, used) * rest, used);
      }
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("softmax", softmax, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
