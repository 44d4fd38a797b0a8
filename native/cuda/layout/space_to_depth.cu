// y[n, t, h, w, ((dt * 2 + dh) * 2 + dw) * C + c] = x[n, 2t + dt, 2h + dh, 2w + dw, c].
//
// x [N, T, H, W, C] and y [N, T/2, H/2, W/2, 8C] are views of elements of 1, 2 or 4 bytes. The op is a copy between two
// views [N, T/2, H/2, W/2, dt, dh, dw, C] (strided_copy.h); dw and C are contiguous if x is dense. x is read once and y
// is written once: bound by memory.
#include "cuda/primitives/strided_copy.h"
#include "ops/layout/space_to_depth.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace space_to_depth_op {

Status space_to_depth(const Call& call) {
  const Tensor &x = call.in[0], &y = call.out[0];
  const int64_t C = x.shape[4];
  Tensor from = x, to = y;
  from.rank = to.rank = 8;
  const int64_t shape[] = {y.shape[0], y.shape[1], y.shape[2], y.shape[3], 2, 2, 2, C};
  const int64_t in[] = {x.strides[0], 2 * x.strides[1], 2 * x.strides[2], 2 * x.strides[3],
                        x.strides[1], x.strides[2],     x.strides[3],     x.strides[4]};
  const int64_t out[] = {y.strides[0], y.strides[1], y.strides[2], y.strides[3], 4 * C, 2 * C, C, 1};
  for (int d = 0; d < 8; ++d) {
    from.shape[d] = to.shape[d] = shape[d];
    from.strides[d] = in[d];
    to.strides[d] = out[d];
  }
  return strided_copy(call, to, from);
}

VIDEOCLIP_CUDA_KERNEL("space_to_depth", space_to_depth, no_workspace);

}  // namespace space_to_depth_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
