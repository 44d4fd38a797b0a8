#include "ops/layout/concat.h"

#include "cpu/primitives/strided_copy.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status concat(const Call& call) {
  const int axis = static_cast<int>(ConcatAttributes(call).axis);
  Tensor part = call.out[0];
  for (int i = 0; i < call.inputs; ++i) {
    part.shape[axis] = call.in[i].shape[axis];
    strided_copy(call, part, call.in[i]);
    part.data += part.shape[axis] * part.strides[axis] * static_cast<int64_t>(item_size(part.dtype));
  }
  return {};
}

VIDEOCLIP_KERNEL("concat", concat, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
