#include "ops/conv/conv3d.h"

#include "cpu/conv/convolution.h"
#include "cpu/conv/dense_convolution.h"
#include "cpu/conv/depthwise.h"
#include "cpu/conv/depthwise_frames.h"
#include "cpu/conv/depthwise_sliding.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

template <typename T>
Status depthwise_convolution(const Call& call, const Conv3dArgs& a, const Geometry& g) {
  if (is_along_frames(call, a, g)) {
    if (a.kernel[0] == 3) {
      depthwise_frames<T, 3>(call, a, g);
    } else {
      depthwise_frames<T, 5>(call, a, g);
    }
  } else if (is_sliding(a)) {
    depthwise_sliding<T>(call, a, g);
  } else {
    return depthwise<T>(call, a, g, reinterpret_cast<const T*>(kZeros), kZeroFloats);
  }
  return {};
}

}  // namespace

size_t convolution_workspace(const Call& call, int threads) {
  const Conv3dArgs a(call);
  const Geometry g(call);
  if (!a.is_depthwise(g.C)) return dense_workspace<float>(call, threads);
  if (is_along_frames(call, a, g)) return frames_scratch(a, g) * static_cast<size_t>(threads);
  if (!is_sliding(a)) return 0;
  return for_storage(call.in[0], [&](auto zero) { return sliding_scratch<decltype(zero)>(call, g); }) *
         static_cast<size_t>(threads);
}

Status convolution(const Call& call) {
  const Conv3dArgs a(call);
  const Geometry g(call);
  const bool is_f32 = call.in[0].dtype == DType::f32;
  if (!a.is_depthwise(g.C)) {
    return is_f32 ? dense<float>(call, a, g) : Status{"conv3d: bf16 in a convolution that is not depthwise"};
  }
  return is_f32 ? depthwise_convolution<float>(call, a, g) : depthwise_convolution<Bf16>(call, a, g);
}

namespace {

VIDEOCLIP_KERNEL("conv3d", convolution, convolution_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
