#include "ops/layout/pad.h"

#include "cpu/primitives/strided_copy.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

// Writes zeros between the elements of a row that belong to x, and whole rows outside of x.
Status pad(const Call& call) {
  const PadAttributes attrs(call);
  const Tensor &x = call.in[0], &y = call.out[0];
  const size_t size = item_size(y.dtype);
  const int last = y.rank - 1;
  const int64_t inner = y.rank ? y.shape[last] : 1, outer = inner ? y.elements() / inner : 0;
  const int64_t per_task = rows_per_task(inner);
  call.pool->parallel_for(ceil_div(outer, per_task), [&](int64_t task, int) {
    for (int64_t r = task * per_task; r < min64(outer, (task + 1) * per_task); ++r) {
      char* row = y.data;
      int64_t rest = r;
      for (int d = last - 1; d >= 0; --d) {
        row += rest % y.shape[d] * y.strides[d] * static_cast<int64_t>(size);
        rest /= y.shape[d];
      }
      if (y.rank == 0 || y.strides[last] == 1) {
        std::memset(row, 0, static_cast<size_t>(inner) * size);
      } else {
        for (int64_t i = 0; i < inner; ++i)
          std::memset(row + i * y.strides[last] * static_cast<int64_t>(size), 0, size);
      }
    }
  });
  Tensor part = y;
  for (int i = 0; i < y.rank; ++i) {
    part.data += attrs.low[i] * y.strides[i] * static_cast<int64_t>(size);
    part.shape[i] = x.shape[i];
  }
  strided_copy(call, part, x);
  return {};
}

VIDEOCLIP_KERNEL("pad", pad, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
