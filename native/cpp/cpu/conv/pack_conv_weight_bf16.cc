#include "ops/conv/pack_conv_weight_bf16.h"

#include "cpu/gemm/bf16_tile.h"
#include "cpu/gemm/panels.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status pack_conv_weight_bf16(const Call& call) {
  const Tensor& w = call.in[0];
  const int64_t C = w.shape[1], taps = w.shape[2] * w.shape[3] * w.shape[4];
  const int64_t in_run = merges_width(w.shape[4], C) ? w.shape[4] : 1, run = in_run * C, pairs = bf16_pairs(run);
  const float* in = w.f32();
  uint32_t* out = reinterpret_cast<uint32_t*>(call.out[0].data);
  const uint32_t* end = out + call.out[0].elements();
  const PackConvWeightBf16Attributes attrs(call);
  for (int s = 0; s < attrs.split.count; ++s) {
    const int64_t columns = attrs.split[s];
    const Panels p{columns, taps / in_run * pairs};
    if (out + p.size() > end) return {"pack_conv_weight_bf16: output too small"};
    call.pool->parallel_for(p.count(), [&](int64_t i, int) {
      const int64_t width = p.width(i);
      uint32_t* panel = out + p.offset(i);
      // Element `k` of the run that begins at tap `t`: channel k % C of tap t + k / C.
      const auto half = [&](int64_t o, int64_t t, int64_t k) -> uint32_t {
        return o < p.used(i) && k < run ? to_bf16(in[((p.first(i) + o) * C + k % C) * taps + t + k / C]) : 0;
      };
      for (int64_t t = 0; t < taps; t += in_run) {
        for (int64_t k = 0; k < pairs; ++k, panel += width) {
          for (int64_t o = 0; o < width; ++o) panel[o] = half(o, t, 2 * k) | half(o, t, 2 * k + 1) << 16;
        }
      }
    });
    out += p.size();
    in += columns * C * taps;
  }
  return {};
}

VIDEOCLIP_KERNEL("pack_conv_weight_bf16", pack_conv_weight_bf16, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
