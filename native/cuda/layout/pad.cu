// y = x with zeros around it: all of y is filled with zeros, then x is copied to its position.
//
// x and y are views of elements of 1, 2 or 4 bytes. A block has 256 threads, and a thread has 4 vectors of up to 16
// bytes (strided iterator). y is written once and its part of x a second time; x is read once: bound by memory.
#include "cuda/primitives/strided_copy.h"
#include "ops/layout/pad.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace pad_op {

template <typename T>
struct ZeroArgs {
  Global<T> to;
  StridedIterator<1> iterator;
};

template <typename T, int V>
__global__ void __launch_bounds__(kIteratorThreads) zero_kernel(ZeroArgs<T> a) {
#pragma unroll
  for (int u = 0; u < kIteratorUnroll; ++u) {
    size_t at[1];
    if (a.iterator.template offsets<V>(u, at)) Chunk<T, V>{}.store(a.to, at[0]);
  }
}

Status fill_zeros(const Call& call, const Tensor& y) {
  const Tensor operands[] = {y};
  const MergedStrides<1> merged(operands);
  return for_item(item_size(y.dtype), [&](auto item) {
    using T = decltype(item);
    const auto run = [&](auto width) -> Status {
      Status status;
      const StridedIterator<1> iterator(merged, width, &status);
      if (!status) return status;
      const ZeroArgs<T> args{global<T>(y), iterator};
      return launch<zero_kernel<T, width>>(Grid{iterator.blocks}, kIteratorThreads, 0, call.stream, args);
    };
    if constexpr (sizeof(T) == 1) {
      return run(std::integral_constant<int, 1>{});
    } else {
      return for_width<T>(merged.width(operands), run);
    }
  });
}

Status pad(const Call& call) {
  const PadAttributes attrs(call);
  const Tensor &x = call.in[0], &y = call.out[0];
  if (y.elements() == 0) return {};
  const Status status = fill_zeros(call, y);
  if (!status) return status;
  Tensor part = y;
  for (int i = 0; i < y.rank; ++i) {
    part.data += attrs.low[i] * y.strides[i] * static_cast<int64_t>(item_size(y.dtype));
    part.shape[i] = x.shape[i];
  }
  return strided_copy(call, part, x);
}

VIDEOCLIP_CUDA_KERNEL("pad", pad, no_workspace);

}  // namespace pad_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
