#include "ops/layout/space_to_depth.h"

#include "cpu/primitives/strided_copy.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status space_to_depth(const Call& call) {
  const Tensor &x = call.in[0], &y = call.out[0];
  const int64_t C = x.shape[4];
  for (int d = 0; d < 8; ++d) {
    const int64_t offset[3] = {d >> 2, d >> 1 & 1, d & 1};
    Tensor from = y, to = y;
    from.data = x.data;
    from.shape[4] = to.shape[4] = C;
    from.strides[0] = x.strides[0];
    from.strides[4] = x.strides[4];
    for (int i = 0; i < 3; ++i) {
      from.data += offset[i] * x.strides[1 + i] * static_cast<int64_t>(item_size(x.dtype));
      from.strides[1 + i] = 2 * x.strides[1 + i];
    }
    to.data += d * C * static_cast<int64_t>(item_size(x.dtype));
    strided_copy(call, to, from);
  }
  return {};
}

VIDEOCLIP_KERNEL("space_to_depth", space_to_depth, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
