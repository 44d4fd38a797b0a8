#include "ops/conv3d.h"

#include "cpu/depthwise.h"
#include "cpu/implicit_gemm.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status conv3d(const Call& call) {
  const Conv3dArgs a(call);
  const Geometry g(call);
  if (a.groups > 1 && a.groups == g.C && a.groups == a.out_channels) return depthwise(call, a, g, kZeros);
  return convolve_groups<false>(call, a, g);
}

VIDEOCLIP_KERNEL("conv3d", conv3d, workspace<false>);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
