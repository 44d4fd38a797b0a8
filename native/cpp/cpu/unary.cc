#include "ops/unary.h"

#include "cpu/activation.h"
#include "cpu/swish.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

template <typename F>
inline void map(const float* in, float* out, int64_t n, const F& f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(out + i, f(load(in + i)));
  if (i < n) store_some(out + i, f(load_some(in + i, n - i)), n - i);
}

// Those that need no more than exp go a vector at a time: by the element, swish is more than half of X3D.
void apply(int kind, const float* in, float* out, int64_t n) {
  switch (kind) {
    case 0:
      return map(in, out, n, [](Vec x) { return x < Vec{} ? Vec{} : x; });
    case 1:
      return map(in, out, n, [](Vec x) { return sigmoid(x); });
    case 4:
      return map(in, out, n, [](Vec x) {
        const Vec u = splat(0.7978845608f) * (x + splat(0.044715f) * x * x * x);
        return x * sigmoid(u + u);
      });
    case 5:
      return map(in, out, n, [](Vec x) { return swish(x); });
    case 6:
      return map(in, out, n, [](Vec x) { return exp(x); });
    default:
      for (int64_t i = 0; i < n; ++i) out[i] = activate(kind, in[i]);
  }
}

Status unary(const Call& call) {
  const Rows x(call.in[0]), y(call.out[0]);
  const int kind = static_cast<int>(call.attrs[0]);
  const bool dense = x.stride == x.channels && y.stride == y.channels;
  const int64_t step = rows_per_task(x.channels);
  call.pool->parallel_for(ceil_div(x.rows, step), [&](int64_t task, int) {
    const int64_t first = task * step, last = min64(x.rows, first + step);
    if (dense)
      return apply(kind, x.data + first * x.channels, y.data + first * x.channels, (last - first) * x.channels);
    for (int64_t r = first; r < last; ++r) apply(kind, x.data + r * x.stride, y.data + r * y.stride, x.channels);
  });
  return {};
}

VIDEOCLIP_KERNEL("unary", unary, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
