// y = f(x), element by element; f by cpp/ops/elementwise/unary.h.
//
// x, y [..., C] of T (f32, bf16 or f16), either may be a channel slice; f in f32.
// 256 threads, 4 vectors of up to 16 bytes each; no shared memory.
// Bytes: one read of x, one write of y: bound by memory. Share of the roofline: not yet measured.
#include "cuda/elementwise/activation.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/vector_access.h"
#include "cuda/primitives/walk.h"
#include "ops/elementwise/unary.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace {

template <typename T>
struct UnaryArgs {
  Global<T> y;
  Global<const T> x;
  Walk<2> walk;
  int kind;
};

template <typename T, int V>
__global__ void __launch_bounds__(kWalkThreads) unary_kernel(UnaryArgs<T> a) {
#pragma unroll 1  // the code of all functions once; warps enough fit to hide the latency
  for (int u = 0; u < kWalkUnroll; ++u) {
    size_t at[2];
    if (!a.walk.template place<V>(u, at)) return;
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
    const Views<2> views(operands);
    return for_width<T>(views.width(operands), [&](auto width) -> Status {
      Status status;
      const Walk<2> walk(views, width, &status);
      if (!status) return status;
      const UnaryArgs<T> args{global<T>(operands[0]), global<const T>(operands[1]), walk,
                              static_cast<int>(call.attrs[0])};
      return launch(unary_kernel<T, width>, Grid{walk.blocks}, kWalkThreads, 0, call.stream, args);
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("unary", unary, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
