#pragma once
// Whether operands are dense f32 tensors, which ops over many tensors require.
#include "runtime/kernel.h"

namespace videoclip {

// The function is static, because files compiled for different instruction sets must not share one copy.
static inline bool is_dense(const Tensor& t) {
  int64_t step = 1;
  for (int d = t.rank - 1; d >= 0; --d) {
    if (t.shape[d] != 1 && t.strides[d] != step) return false;
    step *= t.shape[d];
  }
  return t.dtype == DType::f32;
}

static inline bool all_dense(const Call& call) {
  for (int i = 0; i < call.inputs; ++i) {
    if (!is_dense(call.in[i])) return false;
  }
  for (int i = 0; i < call.outputs; ++i) {
    if (!is_dense(call.out[i])) return false;
  }
  return true;
}

}  // namespace videoclip
