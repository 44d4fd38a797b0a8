#pragma once
// Which template instance a call gets: by storage dtype, and by the width of the accesses its operands allow.
#include <initializer_list>

#include "cuda/primitives/types.h"
#include "runtime/status.h"
#include "runtime/tensor.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {

// f(T{}) with the storage type of activations.
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

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
