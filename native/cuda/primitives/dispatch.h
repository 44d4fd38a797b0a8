#pragma once
// Chooses the template instance of a call: by storage dtype, and by the access width that its operands allow.
#include <type_traits>

#include "cuda/primitives/types.h"
#include "runtime/status.h"
#include "runtime/tensor.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {

// Calls f(T{}) with the storage type of activations.
template <class F>
Status for_float(DType dtype, F f) {
  switch (dtype) {
    case DType::f32:
      return f(float{});
    case DType::bf16:
      return f(bf16{});
    case DType::f16:
      return f(f16{});
    default:
      return {"expected f32, bf16 or f16"};
  }
}

// Calls f with the access width, at most kMax, as a constant. Widths of more than 16 bytes of T are not compiled.
template <typename T, int kMax = 8, class F>
Status for_width(int width, F f) {
  if constexpr (sizeof(T) <= 2 && kMax >= 8) {
    if (width >= 8) return f(std::integral_constant<int, 8>{});
  }
  if (width >= 4) return f(std::integral_constant<int, 4>{});
  if (width == 2) return f(std::integral_constant<int, 2>{});
  return f(std::integral_constant<int, 1>{});
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
