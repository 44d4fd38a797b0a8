#include "ops/conv/swish_conv3d.h"

#include "cpu/conv/pointwise.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

size_t swish_conv3d_workspace(const Call& call, int threads) {
  return pointwise_workspace<true>(call, Geometry(call), threads);
}

Status swish_conv3d(const Call& call) {
  const Conv3dArgs a(call);
  if (!is_pointwise(a)) return {"swish_conv3d: a convolution that is not pointwise"};
  return pointwise<true>(call, a, Geometry(call));
}

VIDEOCLIP_KERNEL("swish_conv3d", swish_conv3d, swish_conv3d_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
