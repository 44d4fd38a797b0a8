#pragma once
// The widest access that operands allow.
#include "runtime/tensor.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {

// The number of elements, 1 to 16 bytes' worth, that one access may have. The address, the strides of all axes but the
// last, and `unit` (the channels of one group) are multiples of it. Returns `most` for an absent operand.
inline int widest_vector(const Tensor& t, int64_t unit, int most) {
  if (!t) return most;
  const auto size = static_cast<int64_t>(item_size(t.dtype));
  int v = most;
  while (v > 1 && v * size > 16) v /= 2;
  const auto fits = [&] {
    if (reinterpret_cast<uintptr_t>(t.data) % static_cast<size_t>(v * size) || unit % v) return false;
    for (int i = 0; i + 1 < t.rank; ++i) {
      if (t.shape[i] > 1 && t.strides[i] % v) return false;
    }
    return true;
  };
  while (v > 1 && !fits()) v /= 2;
  return v;
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
