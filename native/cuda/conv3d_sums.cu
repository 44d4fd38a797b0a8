// conv3d_sums: conv3d.cu with sums of the outputs over the positions of each clip, 64 after 64, from the epilogue
//
// sums [N, parts, Cout] f32. Tiles begin where a clip does, and a tile's rows are added in an order that follows from
// the tile (which follows from the layer): the sums of a clip are the same in every batch. Bytes: of conv3d, and 4 for
// each 64 outputs, where another pass would read all of them. Share of the roofline: not yet measured.
#include "cuda/conv_gemm.h"
#include "ops/conv3d_sums.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace {

static_assert(gemm::kPartRows == kSumPositions, "the parts of the contract");

Status run(const Call& call) {
  const Conv3dArgs a(call);
  if (a.groups > 1 && a.groups == call.in[0].shape[4] && a.groups == a.out_channels) return {"conv3d_sums: depthwise"};
  return for_float(call.in[0].dtype, [&](auto zero) {
    return convolve_rows<gemm::Features<true, false, false, true>, gemm::Features<false, false, false, true>,
                         decltype(zero)>(call, a);
  });
}

VIDEOCLIP_CUDA_KERNEL("conv3d_sums", run, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
