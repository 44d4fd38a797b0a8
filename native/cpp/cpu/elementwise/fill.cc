#include "ops/elementwise/fill.h"

#include <algorithm>

#include "cpu/primitives/simd.h"
#include "runtime/number.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

template <typename T>
void fill_rows(const Call& call, T value) {
  const Rows y(call.out[0]);
  T* data = reinterpret_cast<T*>(call.out[0].data);
  const int64_t step = rows_per_task(y.channels);
  call.pool->parallel_for(ceil_div(y.rows, step), [&](int64_t task, int) {
    for (int64_t r = task * step; r < min64(y.rows, (task + 1) * step); ++r) {
      std::fill(data + r * y.stride, data + r * y.stride + y.channels, value);
    }
  });
}

Status fill(const Call& call) {
  const auto value = static_cast<float>(FillAttributes(call).value);
  switch (call.out[0].dtype) {
    case DType::f32:
      fill_rows(call, value);
      return {};
    case DType::bf16:
      fill_rows(call, videoclip::float_to_bf16(value));
      return {};
    case DType::f16:
      fill_rows(call, videoclip::float_to_f16(value));
      return {};
    default:
      return {"fill: expected f32, bf16 or f16"};
  }
}

VIDEOCLIP_KERNEL("fill", fill, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
