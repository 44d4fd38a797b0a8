#pragma once
// Copies between two views of equal shape, of elements of 1, 2 or 4 bytes. concat, slice, permute and space_to_depth
// are such copies between suitable views.
#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

template <typename T>
void strided_copy_of(const Call& call, const Tensor& to, const Tensor& from) {
  const int last = to.rank - 1;
  const int64_t inner = to.rank ? to.shape[last] : 1, outer = inner ? to.elements() / inner : 0;
  const int64_t si = to.rank ? from.strides[last] : 1, so = to.rank ? to.strides[last] : 1;
  const int64_t per_task = rows_per_task(inner);
  call.pool->parallel_for(ceil_div(outer, per_task), [&](int64_t task, int) {
    for (int64_t r = task * per_task; r < min64(outer, (task + 1) * per_task); ++r) {
      const T* in = reinterpret_cast<const T*>(from.data);
      T* out = reinterpret_cast<T*>(to.data);
      int64_t rest = r;
      for (int d = last - 1; d >= 0; --d) {
        const int64_t i = rest % to.shape[d];
        rest /= to.shape[d];
        in += i * from.strides[d], out += i * to.strides[d];
      }
      if (si == 1 && so == 1) {
        std::memcpy(out, in, static_cast<size_t>(inner) * sizeof(T));
      } else {
        for (int64_t c = 0; c < inner; ++c) out[c * so] = in[c * si];
      }
    }
  });
}

inline void strided_copy(const Call& call, const Tensor& to, const Tensor& from) {
  switch (item_size(to.dtype)) {
    case 1:
      return strided_copy_of<uint8_t>(call, to, from);
    case 2:
      return strided_copy_of<uint16_t>(call, to, from);
    default:
      return strided_copy_of<float>(call, to, from);
  }
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
