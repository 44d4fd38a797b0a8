#include "ops/elementwise/split_bf16.h"

#include "cpu/primitives/storage.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status split_bf16(const Call& call) {
  const Rows x(call.in[0]);
  const RowsOf<Bf16> y(call.out[0]);
  const int64_t C = x.channels, step = rows_per_task(C);
  call.pool->parallel_for(ceil_div(x.rows, step), [&](int64_t task, int) {
    for (int64_t r = task * step; r < min64(x.rows, (task + 1) * step); ++r) {
      const float* in = x.data + r * x.stride;
      Bf16* out = y.data + r * y.stride;
      for (int64_t c = 0; c < C; c += kLanes) {
        const int64_t n = C - c;
        const Vec v = load_some(in + c, n), high = (Vec)(round_words(v) << 16);
        store_some(out + c, high, n);
        store_some(out + C + c, v - high, n);
        store_some(out + 2 * C + c, high, n);
      }
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("split_bf16", split_bf16, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
