#include "ops/layout/dynamic_update_slice.h"

#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status dynamic_update_slice(const Call& call) {
  const Tensor &x = call.in[0], &part = call.in[1], &y = call.out[0];
  const int64_t N = y.shape[0], T = y.shape[1], S = part.shape[1], start = call.in[2].i32()[0];
  if (start < 0 || start > T - S) return {"dynamic_update_slice: the part does not fit at this start"};
  const auto bytes = static_cast<size_t>(y.shape[2]) * sizeof(float);
  const auto copy = [&](const Tensor& from, int64_t n, int64_t s, int64_t t) {
    std::memcpy(y.f32() + n * y.strides[0] + t * y.strides[1], from.f32() + n * from.strides[0] + s * from.strides[1],
                bytes);
  };
  const bool apart = x.data != y.data;
  call.pool->parallel_for(N, [&](int64_t n, int) {
    for (int64_t t = 0; apart && t < T; ++t) {
      if (t < start || t >= start + S) copy(x, n, t, t);
    }
    for (int64_t s = 0; s < S; ++s) copy(part, n, s, start + s);
  });
  return {};
}

VIDEOCLIP_KERNEL("dynamic_update_slice", dynamic_update_slice, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
