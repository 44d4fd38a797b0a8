// conv3d_sums: conv3d.cu, whose epilogue also sums the outputs over parts of each clip (64 positions or 8 lines).
//
// sums [N, parts, Cout] is f32. Tiles begin where a clip begins, and the rows of a tile are added in an order that
// follows from the tile, which follows from the layer. The sums of a clip are therefore the same in every batch.
// This file compiles the pointwise convolutions, conv3d_sums.windows.cu and conv3d_sums.depthwise.cu
// (depthwise_sums.h) the others. In addition to the traffic of conv3d, 4 bytes are written per 64 outputs or 8 lines; a
// separate pass would read all outputs again.
#include "cuda/conv/conv3d_parts.h"
#include "cuda/conv/conv_gemm.h"
#include "ops/conv/conv3d_sums.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace conv3d_sums_op {

static_assert(gemm::kPartRows == kSumPositions, "the parts of the contract");

Status run(const Call& call) {
  const Conv3dArgs a(call);
  if (a.is_depthwise(call.in[0].shape[4])) return depthwise_conv3d_sums(call, a);
  if (!is_pointwise(a)) return windowed_conv3d_sums(call, a);
  return for_float(call.in[0].dtype, [&](auto zero) {
    return convolve_pointwise<gemm::Features<true, false, false, true>, decltype(zero)>(call, a);
  });
}

VIDEOCLIP_CUDA_KERNEL("conv3d_sums", run, no_workspace);

}  // namespace conv3d_sums_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
