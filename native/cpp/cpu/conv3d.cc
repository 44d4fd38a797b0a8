#include "ops/conv3d.h"

#include "cpu/depthwise.h"
#include "cpu/depthwise_frames.h"
#include "cpu/implicit_gemm.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

bool is_depthwise(const Conv3dArgs& a, const Geometry& g) {
  return a.groups > 1 && a.groups == g.C && a.groups == a.out_channels;
}

size_t conv3d_workspace(const Call& call, int threads) {
  const Conv3dArgs a(call);
  const Geometry g(call);
  if (is_depthwise(a, g)) {
    const size_t bytes = is_along_frames(call, a, g) ? frames_scratch(a, g) : depthwise_scratch(call, g);
    return bytes * static_cast<size_t>(threads);
  }
  return workspace<false>(call, threads);
}

Status conv3d(const Call& call) {
  const Conv3dArgs a(call);
  const Geometry g(call);
  if (is_depthwise(a, g)) {
    if (!is_along_frames(call, a, g)) return depthwise(call, a, g, kZeros);
    if (a.kernel[0] == 3) {
      depthwise_frames<3>(call, a, g);
    } else {
      depthwise_frames<5>(call, a, g);
    }
    return {};
  }
  return convolve_groups<false>(call, a, g);
}

VIDEOCLIP_KERNEL("conv3d", conv3d, conv3d_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
