// Depthwise convolutions of conv3d: see depthwise.h.
#include "cuda/conv/conv3d_parts.h"
#include "cuda/conv/depthwise.h"
#include "cuda/primitives/dispatch.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {

Status depthwise_conv3d(const Call& call, const Conv3dArgs& a) {
  return for_float(call.in[0].dtype, [&](auto zero) { return depthwise<decltype(zero)>(call, a); });
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
