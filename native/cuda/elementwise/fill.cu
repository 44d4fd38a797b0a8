// y = value everywhere.
//
// y [..., C] of T (f32, bf16 or f16), may be a channel slice. 256 threads, 4 vectors of up to 16 bytes each; no shared
// memory. Bytes: one write of y: bound by memory. Share of the roofline: not yet measured.
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/vector_access.h"
#include "cuda/primitives/walk.h"
#include "ops/elementwise/fill.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace {

template <typename T>
struct FillArgs {
  Global<T> y;
  Walk<1> walk;
  float value;
};

template <typename T, int V>
__global__ void __launch_bounds__(kWalkThreads) fill_kernel(FillArgs<T> a) {
#pragma unroll
  for (int u = 0; u < kWalkUnroll; ++u) {
    size_t at[1];
    if (!a.walk.template place<V>(u, at)) return;
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
    const Views<1> views(operands);
    return for_width<T>(views.width(operands), [&](auto width) -> Status {
      Status status;
      const Walk<1> walk(views, width, &status);
      if (!status) return status;
      const FillArgs<T> args{global<T>(operands[0]), walk, static_cast<float>(call.attrs[0])};
      return launch(fill_kernel<T, width>, Grid{walk.blocks}, kWalkThreads, 0, call.stream, args);
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("fill", fill, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
