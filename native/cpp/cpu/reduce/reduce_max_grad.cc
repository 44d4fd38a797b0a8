#include "ops/reduce/reduce_max_grad.h"

#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status reduce_max_grad(const Call& call) {
  const Rows x(call.in[0]), dy(call.in[1]), dx(call.out[0]);
  const int64_t S = call.in[0].shape[call.in[0].rank - 2], C = x.channels;
  call.pool->parallel_for(dy.rows, [&](int64_t r, int) {
    const float* in = x.data + r * S * x.stride;
    float* out = dx.data + r * S * dx.stride;
    for (int64_t c = 0; c < C; ++c) {
      int64_t first = 0;
      for (int64_t s = 1; s < S; ++s) {
        if (in[s * x.stride + c] > in[first * x.stride + c]) first = s;
      }
      for (int64_t s = 0; s < S; ++s) out[s * dx.stride + c] = s == first ? dy.data[r * dy.stride + c] : 0.0f;
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("reduce_max_grad", reduce_max_grad, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
