// conv3d: y[n,t,h,w,o] = act( sum_{k,i} scale[n,i] x[n, t*st+kt-pt, h*sh+kh-ph, w*sw+kw-pw, i] W[o,k,i] + b[o] +
// r[n,t,h,w,o] )
//
// x [N, T, H, W, Cin] is channels-last and may be a channel slice. W [Cout, kT, kH, kW, Cin / groups] is dense. b
// [Cout] is f32; r has the shape of y; scale is [N, Cin]. The outputs [N, T', H', W', width] are consecutive ranges of
// the Cout channels, each with its own row stride. Values are stored as f32, bf16 or f16 and summed in f32.
//
// The kernel is an implicit GEMM (gemm/mainloop.h): rows are output positions; K runs over taps and, within a tap, over
// channels. Pointwise convolutions read x as a matrix; others compute the addresses of the windows while copying
// (gemm/operands.h). Where the channels of a group are not a multiple of 8, pointwise copies have 8 or 4 bytes, and
// others (16-bit storage) go through registers. Depthwise convolutions are in depthwise.h; 1x7x7 and 1x3x3 with 3
// channels in 16 bits are in stem.h. On Hopper GPUs, the copy engine finds the windows of 16-bit storage
// (gemm/pipeline.h), except those of groups. Tiles, threads and shared memory are in gemm/tiles.h.
//
// This file compiles the pointwise convolutions, and conv3d.windows.cu, conv3d.depthwise.cu and conv3d.stem.cu the
// others.
//
// x is read once for each tap that L2 does not serve (3x3: about once), W once for each range of rows (from L2); y is
// written once. FLOPs: 2 N T' H' W' Cout taps Cin / groups. The pointwise layers of S3D are bound by memory (15 to 172
// FLOP per byte), its 1x3x3 and 3x1x1 layers by tensor cores and by the path from L2 to shared memory.
#include "cuda/conv/conv3d_parts.h"
#include "cuda/conv/conv_gemm.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace conv3d_op {

Status run(const Call& call) {
  const Conv3dArgs a(call);
  if (a.is_depthwise(call.in[0].shape[4])) return depthwise_conv3d(call, a);
  Status status;
  if (stem_conv3d(call, a, &status)) return status;
  if (!is_pointwise(a)) return windowed_conv3d(call, a);
  // X3D has 54 and 108 channels.
  return for_float(call.in[0].dtype, [&](auto zero) {
    return convolve_pointwise<gemm::Features<true, false, true>, decltype(zero)>(call, a);
  });
}

VIDEOCLIP_CUDA_KERNEL("conv3d", run, no_workspace);

}  // namespace conv3d_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
