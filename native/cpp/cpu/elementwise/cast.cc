#include "ops/elementwise/cast.h"

#include "cpu/primitives/storage.h"
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

// Between f32 and bf16, in vectors.
template <typename From, typename To>
Status convert(const Call& call) {
  const RowsOf<From> x(call.in[0]);
  const RowsOf<To> y(call.out[0]);
  const int64_t step = rows_per_task(x.channels);
  call.pool->parallel_for(ceil_div(x.rows, step), [&](int64_t task, int) {
    for (int64_t r = task * step; r < min64(x.rows, (task + 1) * step); ++r) {
      for (int64_t c = 0; c < x.channels; c += kLanes) {
        const int64_t n = x.channels - c;
        store_some(y.data + r * y.stride + c, load_some(x.data + r * x.stride + c, n), n);
      }
    }
  });
  return {};
}

Status cast(const Call& call) {
  const Tensor &x = call.in[0], &y = call.out[0];
  if (x.dtype == DType::f32 && y.dtype == DType::bf16) return convert<float, Bf16>(call);
  if (x.dtype == DType::bf16 && y.dtype == DType::f32) return convert<Bf16, float>(call);
  const Rows from(x), to(y);
  const int64_t step = rows_per_task(from.channels);
  call.pool->parallel_for(ceil_div(from.rows, step), [&](int64_t task, int) {
    for (int64_t r = task * step; r < min64(from.rows, (task + 1) * step); ++r) {
      for (int64_t c = 0; c < from.channels; ++c) set(y, r * to.stride + c, get(x, r * from.stride + c));
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("cast", cast, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
