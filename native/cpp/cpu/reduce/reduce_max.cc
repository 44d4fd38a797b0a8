#include "ops/reduce/reduce_max.h"

#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status reduce_max(const Call& call) {
  const Rows x(call.in[0]), y(call.out[0]);
  const int64_t S = call.in[0].shape[call.in[0].rank - 2];
  call.pool->parallel_for(y.rows, [&](int64_t r, int) {
    float* out = y.data + r * y.stride;
    const float* in = x.data + r * S * x.stride;
    for (int64_t c = 0; c < x.channels; ++c) out[c] = in[c];
    for (int64_t s = 1; s < S; ++s) {
      for (int64_t c = 0; c < x.channels; ++c) {
        const float v = in[s * x.stride + c];
        out[c] = v > out[c] || v != v ? v : out[c];  // NaN wins, as in PyTorch
      }
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("reduce_max", reduce_max, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
