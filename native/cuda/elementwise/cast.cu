// y = x in another floating-point type, to nearest even.
//
// x, y [..., C], f32, bf16 or f16, either may be a channel slice. 256 threads, 4 vectors each, of 16 bytes in the wider
// type; no shared memory.
// Bytes: one read of x, one write of y: bound by memory. Share of the roofline: not yet measured.
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/vector_access.h"
#include "cuda/primitives/walk.h"
#include "ops/elementwise/cast.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace {

template <typename From, typename To>
struct CastArgs {
  Global<To> y;
  Global<const From> x;
  Walk<2> walk;
};

template <typename From, typename To, int V>
__global__ void __launch_bounds__(kWalkThreads) cast_kernel(CastArgs<From, To> a) {
  float v[kWalkUnroll][V];
  size_t at[kWalkUnroll][2];
  bool valid[kWalkUnroll];
#pragma unroll
  for (int u = 0; u < kWalkUnroll; ++u) {
    valid[u] = a.walk.template place<V>(u, at[u]);
    if (valid[u]) load_values(a.x, at[u][1], v[u]);
  }
#pragma unroll
  for (int u = 0; u < kWalkUnroll; ++u) {
    if (valid[u]) store_values(a.y, at[u][0], v[u]);
  }
}

Status cast(const Call& call) {
  const Tensor operands[] = {call.out[0], call.in[0]};
  if (operands[0].elements() == 0) return {};
  const Views<2> views(operands);
  return for_float(operands[1].dtype, [&](auto from) {
    return for_float(operands[0].dtype, [&](auto to) {
      using From = decltype(from);
      using To = decltype(to);
      using Wider = std::conditional_t<sizeof(From) == 4, From, To>;
      return for_width<Wider>(views.width(operands), [&](auto width) -> Status {
        Status status;
        const Walk<2> walk(views, width, &status);
        if (!status) return status;
        const CastArgs<From, To> args{global<To>(operands[0]), global<const From>(operands[1]), walk};
        return launch(cast_kernel<From, To, width>, Grid{walk.blocks}, kWalkThreads, 0, call.stream, args);
      });
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("cast", cast, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
