#include "ops/pool/gates_of_sums.h"

#include "cpu/elementwise/activation.h"
#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status gates_of_sums(const Call& call) {
  const GatesOfSumsAttributes attrs(call);
  const Rows y(call.out[0]);
  const auto positions = static_cast<float>(attrs.positions);
  call.pool->parallel_for(y.rows, [&](int64_t n, int) {
    float means[kMaxGateChannels];
    float* out = y.data + n * y.stride;
    for (int g = 0; g < call.inputs / 3; ++g) {
      const Tensor &sums = call.in[3 * g], &weight = call.in[3 * g + 1], &bias = call.in[3 * g + 2];
      const int64_t parts = sums.shape[1], channels = sums.shape[2], outs = weight.shape[0], width = weight.shape[1];
      const float* in = sums.f32() + n * parts * channels + attrs.first[g];
      for (int64_t c = 0; c < width; ++c) {
        float sum = 0;
        for (int64_t p = 0; p < parts; ++p) sum += in[p * channels + c];
        means[c] = sum / positions;
      }
      for (int64_t o = 0; o < outs; ++o) {
        float sum = bias ? bias.f32()[o] : 0.0f;
        for (int64_t c = 0; c < width; ++c) sum += weight.f32()[o * width + c] * means[c];
        out[o] = sum;
      }
      activate(static_cast<int>(attrs.activation), out, out, outs);
      out += outs;
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("gates_of_sums", gates_of_sums, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
