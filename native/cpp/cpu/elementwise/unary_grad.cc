#include "ops/elementwise/unary_grad.h"

#include "cpu/elementwise/derivative.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

template <typename F>
inline void map(const float* x, const float* dy, float* dx, int64_t n, const F& f) {
  for (int64_t i = 0; i < n; i += kLanes)
    store_some(dx + i, f(load_some(x + i, n - i)) * load_some(dy + i, n - i), n - i);
}

void apply(int kind, const float* x, const float* dy, float* dx, int64_t n) {
  switch (kind) {
    case kRelu:
      return map(x, dy, dx, n, [](Vec v) { return v > Vec{} ? splat(1.0f) : v != v ? v : Vec{}; });
    case kSigmoid:
      return map(x, dy, dx, n, [](Vec v) {
        const Sigmoids s(v);
        return s.positive * s.negative;
      });
    case kTanh:
      return map(x, dy, dx, n, [](Vec v) {
        const Sigmoids s(v + v);
        return splat(4.0f) * s.positive * s.negative;
      });
    case kGelu:
      return map(x, dy, dx, n, gelu_derivative);
    case kGeluTanh:
      return map(x, dy, dx, n, gelu_tanh_derivative);
    case kSwish:
      return map(x, dy, dx, n, [](Vec v) {
        const Sigmoids s(v);
        return s.positive + v * s.positive * s.negative;
      });
    case kExp:
      return map(x, dy, dx, n, [](Vec v) { return exp(v); });
    default:
      return map(x, dy, dx, n, [](Vec v) { return Sigmoids(v).positive; });
  }
}

Status unary_grad(const Call& call) {
  const Rows x(call.in[0]), dy(call.in[1]), dx(call.out[0]);
  const int kind = static_cast<int>(UnaryAttributes(call).kind);
  const bool dense = x.stride == x.channels && dy.stride == x.channels && dx.stride == x.channels;
  const int64_t step = rows_per_task(x.channels);
  call.pool->parallel_for(ceil_div(x.rows, step), [&](int64_t task, int) {
    const int64_t first = task * step, last = min64(x.rows, first + step);
    if (dense) {
      const int64_t at = first * x.channels;
      return apply(kind, x.data + at, dy.data + at, dx.data + at, (last - first) * x.channels);
    }
    for (int64_t r = first; r < last; ++r) {
      apply(kind, x.data + r * x.stride, dy.data + r * dy.stride, dx.data + r * dx.stride, x.channels);
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("unary_grad", unary_grad, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
