// y = the inputs, concatenated along an axis.
//
// in i x_i, out 0 y: views of elements of 1, 2 or 4 bytes. Each input is copied by one launch (strided_copy.h). The
// inputs are read once and y is written once: bound by memory.
#include "cuda/primitives/strided_copy.h"
#include "ops/layout/concat.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace concat_op {

Status concat(const Call& call) {
  const int axis = static_cast<int>(ConcatAttributes(call).axis);
  Tensor part = call.out[0];
  for (int i = 0; i < call.inputs; ++i) {
    part.shape[axis] = call.in[i].shape[axis];
    const Status status = strided_copy(call, part, call.in[i]);
    if (!status) return status;
    part.data += part.shape[axis] * part.strides[axis] * static_cast<int64_t>(item_size(part.dtype));
  }
  return {};
}

VIDEOCLIP_CUDA_KERNEL("concat", concat, no_workspace);

}  // namespace concat_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
