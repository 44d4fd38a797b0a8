#include "ops/conv/fold_conv_weight.h"

#include <cmath>

#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status fold_conv_weight(const Call& call) {
  const Tensor& w = call.in[0];
  const int64_t per = w.elements() / max64(1, w.shape[0]);
  const double eps = FoldConvWeightAttributes(call).eps;
  for (int64_t o = 0; o < w.shape[0]; ++o) {
    const double scale = call.in[1].f32()[o] / std::sqrt(call.in[2].f32()[o] + eps);
    for (int64_t i = 0; i < per; ++i) call.out[0].f32()[o * per + i] = static_cast<float>(w.f32()[o * per + i] * scale);
  }
  return {};
}

VIDEOCLIP_KERNEL("fold_conv_weight", fold_conv_weight, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
