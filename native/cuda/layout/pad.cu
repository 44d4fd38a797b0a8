// y = x with zeros around it: all of y is filled, then x is copied to its place.
//
// x, y: any views of elements of 1, 2 or 4 bytes. 256 threads, 4 vectors of up to 16 bytes each (walk.h).
// Bytes: y written once and its part of x again, x read once: bound by memory. Share of the roofline: not yet measured.
#include "cuda/primitives/strided_copy.h"
#include "ops/layout/pad.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace {

template <typename T>
struct ZeroArgs {
  Global<T> to;
  Walk<1> walk;
};

template <typename T, int V>
__global__ void __launch_bounds__(kWalkThreads) zero_kernel(ZeroArgs<T> a) {
#pragma unroll
  for (int u = 0; u < kWalkUnroll; ++u) {
    size_t at[1];
    if (a.walk.template place<V>(u, at)) Chunk<T, V>{}.store(a.to, at[0]);
  }
}

Status fill_zeros(const Call& call, const Tensor& y) {
  const Tensor operands[] = {y};
  const Views<1> views(operands);
  return for_item(item_size(y.dtype), [&](auto item) {
    using T = decltype(item);
    const auto run = [&](auto width) -> Status {
      Status status;
      const Walk<1> walk(views, width, &status);
      if (!status) return status;
      const ZeroArgs<T> args{global<T>(y), walk};
      return launch(zero_kernel<T, width>, Grid{walk.blocks}, kWalkThreads, 0, call.stream, args);
    };
    if constexpr (sizeof(T) == 1) {
      return run(std::integral_constant<int, 1>{});
    } else {
      return for_width<T>(views.width(operands), run);
    }
  });
}

Status pad(const Call& call) {
  const Tensor &x = call.in[0], &y = call.out[0];
  if (y.elements() == 0) return {};
  const Status status = fill_zeros(call, y);
  if (!status) return status;
  Tensor part = y;
  for (int i = 0; i < y.rank; ++i) {
    part.data += static_cast<int64_t>(call.attrs[i]) * y.strides[i] * static_cast<int64_t>(item_size(y.dtype));
    part.shape[i] = x.shape[i];
  }
  return strided_copy(call, part, x);
}

VIDEOCLIP_CUDA_KERNEL("pad", pad, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
