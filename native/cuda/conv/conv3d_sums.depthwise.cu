// Depthwise convolutions of conv3d_sums: see depthwise_sums.h.
#include "cuda/conv/conv3d_parts.h"
#include "cuda/conv/depthwise_sums.h"
#include "cuda/primitives/dispatch.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {

Status depthwise_conv3d_sums(const Call& call, const Conv3dArgs& a) {
  if (!along_lines(a)) return {"conv3d_sums: a depthwise window without a height"};
  return for_float(call.in[0].dtype, [&](auto zero) { return depthwise_sums<decltype(zero)>(call, a); });
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
