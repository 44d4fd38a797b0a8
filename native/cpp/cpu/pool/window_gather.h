#pragma once
// Gradients of pools by gathering: every input position sums the contributions of the windows that contain it, in the
// order of the windows, so that no two threads write to the same position.
#include "cpu/pool/window.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

// The windows along an axis that contain position `at`.
struct Windows {
  int64_t begin, end;

  template <typename Attributes>
  Windows(const Attributes& a, int axis, int64_t at, int64_t outputs) {
    const int64_t p = at + a.low[axis];  // window o covers [o s, o s + k)
    begin = p < a.kernel[axis] ? 0 : (p - a.kernel[axis]) / a.stride[axis] + 1;
    end = min64(outputs, p / a.stride[axis] + 1);
  }
};

// Calls body(n, t, h, thread) for every row of positions of x.
template <typename Body>
inline void for_each_row(const Call& call, const Tensor& x, const Body& body) {
  const int64_t T = x.shape[1], H = x.shape[2];
  call.pool->parallel_for(x.shape[0] * T * H,
                          [&](int64_t i, int thread) { body(i / (T * H), i / H % T, i % H, thread); });
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
