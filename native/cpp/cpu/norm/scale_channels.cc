#include "ops/norm/scale_channels.h"

#include "cpu/primitives/storage.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

template <typename T>
Status scale(const Call& call) {
  const RowsOf<T> x(call.in[0]), g(call.in[1]), y(call.out[0]);
  const int64_t per_clip = max64(1, x.rows / max64(1, g.rows)), step = rows_per_task(x.channels);
  call.pool->parallel_for(ceil_div(x.rows, step), [&](int64_t task, int) {
    for (int64_t r = task * step; r < min64(x.rows, (task + 1) * step); ++r) {
      const T* in = x.data + r * x.stride;
      const T* scale = g.data + r / per_clip * g.stride;
      T* out = y.data + r * y.stride;
      for (int64_t c = 0; c < x.channels; c += kLanes) {
        const int64_t n = x.channels - c;
        store_some(out + c, load_some(in + c, n) * load_some(scale + c, n), n);
      }
    }
  });
  return {};
}

Status scale_channels(const Call& call) {
  return for_storage(call.in[0], [&](auto zero) { return scale<decltype(zero)>(call); });
}

VIDEOCLIP_KERNEL("scale_channels", scale_channels, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
