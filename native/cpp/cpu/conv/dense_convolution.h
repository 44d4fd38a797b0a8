#pragma once
// A convolution that is not depthwise, by the kernel that suits its window: of f32, or of bf16 whose weights are packed
// in pairs.
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
size_t dense_workspace(const Call& call, int threads) {
  const Conv3dArgs a(call);
  const Geometry g(call);
  return in_place<T>(a, g) ? pointwise_workspace<false, T>(call, g, threads) : workspace<T>(call, threads);
}

// Outputs of type To.
template <typename T, typename To = T>
Status dense(const Call& call, const Conv3dArgs& a, const Geometry& g) {
  return in_place<T>(a, g) ? pointwise<false, T, To>(call, a, g) : convolve_groups<T, To>(call, a, g);
}

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
