#pragma once
// A convolution of f32, or of bf16 where it is depthwise or its weights are packed in pairs, by the kernel that suits
// its window.
#include "cpu/conv/depthwise.h"
#include "cpu/conv/depthwise_frames.h"
#include "cpu/conv/depthwise_sliding.h"
#include "cpu/conv/implicit_gemm.h"
#include "cpu/conv/pointwise.h"
#include "ops/conv/conv3d.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

// Tiles read pairs of channels in place, so the channels of bf16 must fill them.
template <typename T>
bool in_place(const Conv3dArgs& a, const Geometry& g) {
  return is_pointwise(a) && (sizeof(T) == 4 || g.C == 2 * bf16_pairs(g.C));
}

template <typename T>
size_t convolution_workspace_of(const Call& call, int threads) {
  const Conv3dArgs a(call);
  const Geometry g(call);
  if (a.is_depthwise(g.C)) {
    const size_t bytes = is_along_frames(call, a, g) ? frames_scratch(a, g)
                         : is_sliding(a)             ? sliding_scratch<T>(call, g)
                                                     : 0;
    return bytes * static_cast<size_t>(threads);
  }
  return in_place<T>(a, g) ? pointwise_workspace<false, T>(call, g, threads) : workspace<T>(call, threads);
}

// Outputs of type To; those of depthwise convolutions are of type T.
template <typename T, typename To = T>
Status convolution_of(const Call& call) {
  const Conv3dArgs a(call);
  const Geometry g(call);
  if (!a.is_depthwise(g.C))
    return in_place<T>(a, g) ? pointwise<false, T, To>(call, a, g) : convolve_groups<T, To>(call, a, g);
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

// The op conv3d: its weights are of f32, and bf16 is read by depthwise convolutions alone.
inline size_t convolution_workspace(const Call& call, int threads) {
  return for_storage(call.in[0], [&](auto zero) { return convolution_workspace_of<decltype(zero)>(call, threads); });
}

inline Status convolution(const Call& call) {
  if (call.in[0].dtype == DType::f32) return convolution_of<float>(call);
  if (!Conv3dArgs(call).is_depthwise(call.in[0].shape[4]))
    return {"conv3d: bf16 in a convolution that is not depthwise"};
  return convolution_of<Bf16>(call);
}

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
