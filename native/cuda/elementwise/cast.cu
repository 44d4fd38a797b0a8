// y = x in another floating-point type, rounded to nearest even.
//
// x and y [..., C] are f32, bf16 or f16; either may be a channel slice. A block has 256 threads, and a thread has 4
// vectors of 16 bytes in the wider type. No shared memory. x is read once and y is written once: bound by memory.
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/strided_iterator.h"
#include "cuda/primitives/vector_access.h"
#include "ops/elementwise/cast.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace cast_op {

template <typename From, typename To>
struct CastArgs {
  Global<To> y;
  Global<const From> x;
  StridedIterator<2> iterator;
};

template <typename From, typename To, int V>
__global__ void __launch_bounds__(kIteratorThreads) cast_kernel(CastArgs<From, To> a) {
  float v[kIteratorUnroll][V];
  size_t at[kIteratorUnroll][2];
  bool valid[kIteratorUnroll];
#pragma unroll
  for (int u = 0; u < kIteratorUnroll; ++u) {
    valid[u] = a.iterator.template offsets<V>(u, at[u]);
    if (valid[u]) load_values(a.x, at[u][1], v[u]);
  }
#pragma unroll
  for (int u = 0; u < kIteratorUnroll; ++u) {
    if (valid[u]) store_values(a.y, at[u][0], v[u]);
  }
}

Status cast(const Call& call) {
  const Tensor operands[] = {call.out[0], call.in[0]};
  if (operands[0].elements() == 0) return {};
  const MergedStrides<2> merged(operands);
  return for_float(operands[1].dtype, [&](auto from) {
    return for_float(operands[0].dtype, [&](auto to) {
      using From = decltype(from);
      using To = decltype(to);
      using Wider = std::conditional_t<sizeof(From) == 4, From, To>;
      return for_width<Wider>(merged.width(operands), [&](auto width) -> Status {
        Status status;
        const StridedIterator<2> iterator(merged, width, &status);
        if (!status) return status;
        const CastArgs<From, To> args{global<To>(operands[0]), global<const From>(operands[1]), iterator};
        return launch<cast_kernel<From, To, width>>(Grid{iterator.blocks}, kIteratorThreads, 0, call.stream, args);
      });
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("cast", cast, no_workspace);

}  // namespace cast_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
