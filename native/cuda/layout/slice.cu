// y = x[start[0] : start[0] + size[0], ...].
//
// x and y are views of elements of 1, 2 or 4 bytes; strided_copy.h copies them. y is read once and written once: bound
// by memory.
#include "cuda/primitives/strided_copy.h"
#include "ops/layout/slice.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace slice_op {

Status slice(const Call& call) {
  const SliceAttributes attrs(call);
  Tensor part = call.in[0];
  for (int i = 0; i < part.rank; ++i) {
    part.data += attrs.start[i] * part.strides[i] * static_cast<int64_t>(item_size(part.dtype));
    part.shape[i] = call.out[0].shape[i];
  }
  return strided_copy(call, call.out[0], part);
}

VIDEOCLIP_CUDA_KERNEL("slice", slice, no_workspace);

}  // namespace slice_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
