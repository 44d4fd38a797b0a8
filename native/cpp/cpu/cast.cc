#include "ops/cast.h"

#include "cpu/simd.h"
#include "runtime/number.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

float get(const Tensor& x, int64_t i) {
  if (x.dtype == DType::f32) return x.f32()[i];
  const uint16_t half = reinterpret_cast<const uint16_t*>(x.data)[i];
  return x.dtype == DType::bf16 ? videoclip::bf16_to_float(half) : videoclip::f16_to_float(half);
}

void set(const Tensor& y, int64_t i, float value) {
  if (y.dtype == DType::f32) {
    y.f32()[i] = value;
    return;
  }
  const uint16_t half = y.dtype == DType::bf16 ? videoclip::float_to_bf16(value) : videoclip::float_to_f16(value);
  reinterpret_cast<uint16_t*>(y.data)[i] = half;
}

Status cast(const Call& call) {
  const Tensor &x = call.in[0], &y = call.out[0];
  const int64_t n = y.elements(), step = rows_per_task(1);
  call.pool->parallel_for(ceil_div(n, step), [&](int64_t task, int) {
    for (int64_t i = task * step; i < min64(n, (task + 1) * step); ++i) set(y, i, get(x, i));
  });
  return {};
}

VIDEOCLIP_KERNEL("cast", cast, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
