// conv3d_sums: conv3d.cu, whose epilogue also sums the outputs over parts of each clip (64 positions or 8 lines).
//
// sums [N, parts, Cout] is f32. Tiles begin where a clip begins, and the rows of a tile are added in an order that
// follows from the tile, which follows from the layer. The sums of a clip are therefore the same in every batch.
// Depthwise convolutions are in depthwise_sums.h. In addition to the traffic of conv3d, 4 bytes are written per 64
// outputs or 8 lines; a separate pass would read all outputs again.
#include "cuda/conv/conv_gemm.h"
#include "cuda/conv/depthwise_sums.h"
#include "ops/conv/conv3d_sums.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace conv3d_sums_op {

static_assert(gemm::kPartRows == kSumPositions, "the parts of the contract");

Status run(const Call& call) {
  const Conv3dArgs a(call);
  return for_float(call.in[0].dtype, [&](auto zero) {
    if (a.is_depthwise(call.in[0].shape[4])) {
      if (!along_lines(a)) return Status{"conv3d_sums: a depthwise window without a height"};
      return depthwise_sums<decltype(zero)>(call, a);
    }
    return convolve_rows<gemm::Features<true, false, false, true>, gemm::Features<false, false, false, true>,
                         decltype(zero)>(call, a);
  });
}

VIDEOCLIP_CUDA_KERNEL("conv3d_sums", run, no_workspace);

}  // namespace conv3d_sums_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
