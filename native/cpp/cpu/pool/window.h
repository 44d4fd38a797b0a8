#pragma once
// The windows of a 3-D pool along one axis, from the `Attributes` of ops/pool/max_pool3d.h or ops/pool/avg_pool3d.h.
#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

// The part of a window inside the input, and the part inside the padded input.
struct Window {
  int64_t begin, end, padded;

  template <typename Attributes>
  Window(const Attributes& a, int axis, int64_t index, int64_t size) {
    const int64_t start = index * a.stride[axis] - a.low[axis];
    const int64_t stop = min64(start + a.kernel[axis], size + a.high[axis]);
    padded = stop - start;
    begin = max64(start, 0);
    end = min64(stop, size);
  }
  int64_t inside() const { return max64(0, end - begin); }
};

// Calls body(n, t, h, task) for every row of outputs.
template <typename Body>
inline void for_each_output_row(const Call& call, const Body& body) {
  const Tensor& y = call.out[0];
  const int64_t T = y.shape[1], H = y.shape[2];
  call.pool->parallel_for(y.shape[0] * T * H, [&](int64_t i, int) { body(i / (T * H), i / H % T, i % H); });
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
