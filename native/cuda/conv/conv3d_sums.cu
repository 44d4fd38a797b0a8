// conv3d_sums: conv3d.cu with sums of the outputs over parts of each clip, 64 positions or 8 lines, from the epilogue
//
// sums [N, parts, Cout] f32. Tiles begin where a clip does, and a tile's rows are added in an order that follows from
// the tile (which follows from the layer): the sums of a clip are the same in every batch. Depthwise:
// depthwise_sums.h. Bytes: of conv3d, and 4 for each 64 outputs or 8 lines, where another pass would read all of them.
// Share of the roofline: not yet measured.
#include "cuda/conv/conv_gemm.h"
#include "cuda/conv/depthwise_sums.h"
#include "ops/conv/conv3d_sums.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace {

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

}  // namespace
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
