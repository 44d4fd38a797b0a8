// y = x in another floating-point type, to nearest even.
//
// x, y [n] dense; f32, bf16 or f16. 256 threads, 4 values each; no shared memory.
// Bytes: one read of x, one write of y: bound by memory. Share of the roofline: not yet measured.
#include "cuda/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "ops/cast.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace {

constexpr int kThreads = 256, kValues = 4;

template <typename From, typename To>
struct CastArgs {
  Global<const From> x;
  Global<To> y;
  size_t n;
};

template <typename From, typename To>
__global__ void __launch_bounds__(kThreads) cast_kernel(CastArgs<From, To> a) {
  const size_t first = (size_t{blockIdx.x} * kThreads + threadIdx.x) * kValues;
  if (first >= a.n) return;
  if (first + kValues <= a.n) {  // buffers begin on 64 bytes
    const Packed<From, kValues> x = a.x.template load_packed<kValues>(first);
    Packed<To, kValues> y;
#pragma unroll
    for (int i = 0; i < kValues; ++i) y[i] = from_float<To>(to_float(x[i]));
    a.y.template store_packed<kValues>(first, y);
    return;
  }
  for (size_t i = first; i < a.n; ++i) a.y.store(i, from_float<To>(to_float(a.x.load(i))));
}

Status cast(const Call& call) {
  const auto n = static_cast<size_t>(call.out[0].elements());
  return for_float(call.in[0].dtype, [&](auto from) {
    return for_float(call.out[0].dtype, [&](auto to) {
      using From = decltype(from);
      using To = decltype(to);
      const CastArgs<From, To> args{global<const From>(call.in[0]), global<To>(call.out[0]), n};
      const Grid grid{static_cast<unsigned>((n + kThreads * kValues - 1) / (kThreads * kValues))};
      return launch(cast_kernel<From, To>, grid, kThreads, 0, call.stream, args);
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("cast", cast, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
