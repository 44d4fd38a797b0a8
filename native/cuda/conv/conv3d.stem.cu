// The first convolution of a network: see stem.h.
#include "cuda/conv/conv3d_parts.h"
#include "cuda/conv/stem.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {

bool stem_conv3d(const Call& call, const Conv3dArgs& a, Status* status) {
  switch (call.in[0].dtype) {
    case DType::bf16:
      return convolve_stem<bf16>(call, a, status);
    case DType::f16:
      return convolve_stem<f16>(call, a, status);
    default:
      return false;
  }
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
