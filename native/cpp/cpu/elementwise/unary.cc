#include "ops/elementwise/unary.h"

#include "cpu/elementwise/activation.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

template <typename T>
Status apply(const Call& call) {
  const RowsOf<T> x(call.in[0]), y(call.out[0]);
  const int kind = static_cast<int>(UnaryAttributes(call).kind);
  const bool dense = x.stride == x.channels && y.stride == y.channels;
  const int64_t step = rows_per_task(x.channels);
  call.pool->parallel_for(ceil_div(x.rows, step), [&](int64_t task, int) {
    const int64_t first = task * step, last = min64(x.rows, first + step);
    if (dense)
      return activate(kind, x.data + first * x.channels, y.data + first * x.channels, (last - first) * x.channels);
    for (int64_t r = first; r < last; ++r) activate(kind, x.data + r * x.stride, y.data + r * y.stride, x.channels);
  });
  return {};
}

Status unary(const Call& call) {
  return for_storage(call.in[0], [&](auto zero) { return apply<decltype(zero)>(call); });
}

VIDEOCLIP_KERNEL("unary", unary, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
