// y = f(x), element by element; f is given in cpp/ops/elementwise/unary.h.
//
// x and y [..., C] are of T (f32, bf16 or f16); either may be a channel slice. f is computed in f32. A block has 256
// threads, and a thread has 4 vectors of up to 16 bytes. No shared memory. x is read once and y is written once: bound
// by memory.
#include "cuda/elementwise/activation.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/strided_iterator.h"
#include "cuda/primitives/vector_access.h"
#include "ops/elementwise/unary.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace unary_op {

template <typename T>
struct UnaryArgs {
  Global<T> y;
  Global<const T> x;
  StridedIterator<2> iterator;
  int kind;
};

template <typename T, int V>
__global__ void __launch_bounds__(kIteratorThreads) unary_kernel(UnaryArgs<T> a) {
// not unrolled, so that the code of all functions exists once; enough warps are resident to hide the latency
#pragma unroll 1
  for (int u = 0; u < kIteratorUnroll; ++u) {
    size_t at[2];
    if (!a.iterator.template offsets<V>(u, at)) return;
    float v[V];
    load_values(a.x, at[1], v);
    activate_all(a.kind, v);
    store_values(a.y, at[0], v);
  }
}

Status unary(const Call& call) {
  const Tensor operands[] = {call.out[0], call.in[0]};
  if (operands[0].elements() == 0) return {};
  return for_float(operands[0].dtype, [&](auto type) {
    using T = decltype(type);
    const MergedStrides<2> merged(operands);
    return for_width<T>(merged.width(operands), [&](auto width) -> Status {
      Status status;
      const StridedIterator<2> iterator(merged, width, &status);
      if (!status) return status;
      const UnaryArgs<T> args{global<T>(operands[0]), global<const T>(operands[1]), iterator,
                              static_cast<int>(UnaryAttributes(call).kind)};
      return launch<unary_kernel<T, width>>(Grid{iterator.blocks}, kIteratorThreads, 0, call.stream, args);
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("unary", unary, no_workspace);

}  // namespace unary_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
