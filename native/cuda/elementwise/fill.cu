// y = value for every element.
//
// y [..., C] is of T (f32, bf16 or f16) and may be a channel slice. A block has 256 threads, and a thread has 4 vectors
// of up to 16 bytes. No shared memory. y is written once: bound by memory.
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/strided_iterator.h"
#include "cuda/primitives/vector_access.h"
#include "ops/elementwise/fill.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace fill_op {

template <typename T>
struct FillArgs {
  Global<T> y;
  StridedIterator<1> iterator;
  float value;
};

template <typename T, int V>
__global__ void __launch_bounds__(kIteratorThreads) fill_kernel(FillArgs<T> a) {
#pragma unroll
  for (int u = 0; u < kIteratorUnroll; ++u) {
    size_t at[1];
    if (!a.iterator.template offsets<V>(u, at)) return;
    float v[V];
#pragma unroll
    for (int i = 0; i < V; ++i) v[i] = a.value;
    store_values(a.y, at[0], v);
  }
}

Status fill(const Call& call) {
  const Tensor operands[] = {call.out[0]};
  if (operands[0].elements() == 0) return {};
  return for_float(operands[0].dtype, [&](auto type) {
    using T = decltype(type);
    const MergedStrides<1> merged(operands);
    return for_width<T>(merged.width(operands), [&](auto width) -> Status {
      Status status;
      const StridedIterator<1> iterator(merged, width, &status);
      if (!status) return status;
      const FillArgs<T> args{global<T>(operands[0]), iterator, static_cast<float>(FillAttributes(call).value)};
      return launch<fill_kernel<T, width>>(Grid{iterator.blocks}, kIteratorThreads, 0, call.stream, args);
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("fill", fill, no_workspace);

}  // namespace fill_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
