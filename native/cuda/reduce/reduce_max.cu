// y[o, c] = max over s of x[o, s, c]; NaN wins.
//
// x [O, S, C] and y [O, C] are of T (f32, bf16 or f16); either may be a channel slice. A block has 256 threads, and a
// thread reduces the S rows of a column of up to 16 bytes of one o, four rows at a time. No shared memory. x is read
// once: bound by memory where O x C is large enough to fill the device.
#include "cuda/primitives/columns.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/math.h"
#include "cuda/primitives/vector_access.h"
#include "ops/reduce/reduce_max.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace reduce_max_op {

template <typename T>
struct ReduceMaxArgs {
  Global<T> y;
  Global<const T> x;
  int64_t outer, S, y_stride, x_stride;
  Columns columns;
};

template <typename T, int V>
__global__ void __launch_bounds__(kColumnThreads) reduce_max_kernel(ReduceMaxArgs<T> a) {
  const int thread = static_cast<int>(threadIdx.x), group = thread / a.columns.per_block;
  const int column = static_cast<int>(blockIdx.y) * a.columns.per_block + thread % a.columns.per_block;
  const int64_t o = int64_t{blockIdx.x} * a.columns.groups + group;
  if (group >= a.columns.groups || column >= a.columns.count || o >= a.outer) return;
  const auto c = static_cast<size_t>(column) * V;
  const size_t start = static_cast<size_t>(o * a.S) * static_cast<size_t>(a.x_stride) + c;
  float best[V];
#pragma unroll
  for (int i = 0; i < V; ++i) best[i] = bits_to_float(0xff800000u);  // -inf
#pragma unroll 4
  for (int64_t s = 0; s < a.S; ++s) {
    float v[V];
    load_values(a.x, start + static_cast<size_t>(s) * static_cast<size_t>(a.x_stride), v);
#pragma unroll
    for (int i = 0; i < V; ++i) best[i] = max_nan(best[i], v[i]);
  }
  store_values(a.y, static_cast<size_t>(o) * static_cast<size_t>(a.y_stride) + c, best);
}

Status reduce_max(const Call& call) {
  const Rows x(call.in[0]), y(call.out[0]);
  if (y.rows * y.channels == 0) return {};
  const int64_t S = call.in[0].shape[call.in[0].rank - 2];
  return for_float(call.out[0].dtype, [&](auto type) {
    using T = decltype(type);
    const int width = widest_vector(call.in[0], x.channels, widest_vector(call.out[0], x.channels, 8));
    return for_width<T>(width, [&](auto width) -> Status {
      const Columns columns(x.channels / width);
      const ReduceMaxArgs<T> args{
          global<T>(call.out[0]), global<const T>(call.in[0]), y.rows, S, y.stride, x.stride, columns};
      const Grid grid{(y.rows + columns.groups - 1) / columns.groups, columns.blocks};
      return launch<reduce_max_kernel<T, width>>(grid, kColumnThreads, 0, call.stream, args);
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("reduce_max", reduce_max, no_workspace);

}  // namespace reduce_max_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
