// Convolutions of conv3d that are neither pointwise nor depthwise: see conv3d.cu.
#include "cuda/conv/conv3d_parts.h"
#include "cuda/conv/conv_gemm.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {

Status windowed_conv3d(const Call& call, const Conv3dArgs& a) {
  return for_float(call.in[0].dtype, [&](auto zero) {
    return convolve_windows<gemm::Features<false, false, false>, decltype(zero)>(call, a);
  });
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
