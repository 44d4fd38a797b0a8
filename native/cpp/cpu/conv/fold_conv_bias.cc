#include "ops/conv/fold_conv_bias.h"

#include <cmath>

#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status fold_conv_bias(const Call& call) {
  const float *weight = call.in[0].f32(), *bias = call.in[1].f32(), *mean = call.in[2].f32(), *var = call.in[3].f32();
  const double eps = FoldConvBiasAttributes(call).eps;
  for (int64_t o = 0; o < call.out[0].shape[0]; ++o) {
    const double own = call.inputs > 4 && call.in[4].data ? call.in[4].f32()[o] : 0.0;
    call.out[0].f32()[o] = static_cast<float>(bias[o] + (own - mean[o]) * weight[o] / std::sqrt(var[o] + eps));
  }
  return {};
}

VIDEOCLIP_KERNEL("fold_conv_bias", fold_conv_bias, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
