#include "ops/conv/pack_conv_weight.h"

#include "cpu/gemm/panels.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status pack_conv_weight(const Call& call) {
  const Tensor& w = call.in[0];
  const float* in = w.f32();
  float* out = call.out[0].f32();
  const PackConvWeightAttributes attrs(call);
  const int64_t groups = attrs.groups, channels = w.shape[1];
  int64_t taps = 1;
  for (int i = 2; i < w.rank; ++i) taps *= w.shape[i];
  const int64_t depth = taps * channels;
  if (groups > 1 && channels == 1 && groups == w.shape[0]) {
    for (int64_t o = 0; o < groups; ++o) {
      for (int64_t t = 0; t < taps; ++t) out[t * groups + o] = in[o * taps + t];
    }
    return {};
  }
  for (int64_t g = 0; g < groups; ++g) {
    for (int s = 0; s < attrs.split.count; ++s) {
      const int64_t columns = attrs.split[s] / groups;
      const Panels p{columns, depth};
      if (out + p.size() > call.out[0].f32() + call.out[0].elements()) return {"pack_conv_weight: output too small"};
      for (int64_t i = 0; i < p.count(); ++i) {
        const int64_t width = p.width(i), used = p.used(i);
        float* panel = out + p.offset(i);
        for (int64_t t = 0; t < taps; ++t) {
          for (int64_t c = 0; c < channels; ++c) {
            float* row = panel + (t * channels + c) * width;
            for (int64_t o = 0; o < width; ++o)
              row[o] = o < used ? in[((p.first(i) + o) * channels + c) * taps + t] : 0.0f;
          }
        }
      }
      out += p.size();
      in += columns * depth;
    }
  }
  return {};
}

VIDEOCLIP_KERNEL("pack_conv_weight", pack_conv_weight, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
