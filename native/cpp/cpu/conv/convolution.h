#pragma once
// A convolution in f32, by the kernel that suits its window.
#include "cpu/conv/depthwise.h"
#include "cpu/conv/depthwise_frames.h"
#include "cpu/conv/depthwise_sliding.h"
#include "cpu/conv/implicit_gemm.h"
#include "cpu/conv/pointwise.h"
#include "ops/conv/conv3d.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

size_t convolution_workspace(const Call& call, int threads) {
  const Conv3dArgs a(call);
  const Geometry g(call);
  if (a.is_depthwise(g.C)) {
    const size_t bytes = is_along_frames(call, a, g) ? frames_scratch(a, g)
                         : is_sliding(a)             ? sliding_scratch(call, g)
                                                     : 0;
    return bytes * static_cast<size_t>(threads);
  }
  return is_pointwise(a) ? pointwise_workspace<false>(call, g, threads) : workspace<false>(call, threads);
}

Status convolution(const Call& call) {
  const Conv3dArgs a(call);
  const Geometry g(call);
  if (!a.is_depthwise(g.C)) return is_pointwise(a) ? pointwise<false>(call, a, g) : convolve_groups<false>(call, a, g);
  if (is_sliding(a)) {
    depthwise_sliding(call, a, g);
  } else if (!is_along_frames(call, a, g)) {
    return depthwise(call, a, g, kZeros, kZeroFloats);
  } else if (a.kernel[0] == 3) {
    depthwise_frames<3>(call, a, g);
  } else {
    depthwise_frames<5>(call, a, g);
  }
  return {};
}

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
