#include "ops/layout/slice.h"

#include "cpu/primitives/strided_copy.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status slice(const Call& call) {
  const SliceAttributes attrs(call);
  Tensor part = call.in[0];
  for (int i = 0; i < part.rank; ++i) {
    part.data += attrs.start[i] * part.strides[i] * static_cast<int64_t>(item_size(part.dtype));
    part.shape[i] = call.out[0].shape[i];
  }
  strided_copy(call, call.out[0], part);
  return {};
}

VIDEOCLIP_KERNEL("slice", slice, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
