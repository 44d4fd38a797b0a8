#include "ops/conv/transpose_conv_weight.h"

#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status transpose_conv_weight(const Call& call) {
  const Tensor& w = call.in[0];
  const int64_t groups = TransposeConvWeightAttributes(call).groups;
  const int64_t O = w.shape[0] / groups, I = w.shape[1], taps = w.shape[2] * w.shape[3] * w.shape[4];
  const float* in = w.f32();
  float* out = call.out[0].f32();
  call.pool->parallel_for(groups * I, [&](int64_t row, int) {
    const int64_t group = row / I, i = row % I;
    for (int64_t o = 0; o < O; ++o) {
      const float* from = in + ((group * O + o) * I + i) * taps;
      float* to = out + (row * O + o) * taps;
      for (int64_t k = 0; k < taps; ++k) to[k] = from[taps - 1 - k];
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("transpose_conv_weight", transpose_conv_weight, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
