// dx[o, s, c] = dy[o, c] where s is the first with the maximum of x[o, :, c], else 0.
//
// x and dx [O, S, C] and dy [O, C] are of T (f32, bf16 or f16); each may be a channel slice. A block has 256 threads,
// and a thread goes through the S rows of a column of up to 16 bytes of one o twice. No shared memory. x is read once
// from memory and dx is written once: bound by memory.
#include "cuda/primitives/columns.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/vector_access.h"
#include "ops/reduce/reduce_max_grad.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace reduce_max_grad_op {

template <typename T>
struct MaxGradArgs {
  Global<T> dx;
  Global<const T> x, dy;
  int64_t outer, S, dx_stride, x_stride, dy_stride;
  Columns columns;
};

template <typename T, int V>
__global__ void __launch_bounds__(kColumnThreads, 3) reduce_max_grad_kernel(MaxGradArgs<T> a) {
  const int thread = static_cast<int>(threadIdx.x), group = thread / a.columns.per_block;
  const int column = static_cast<int>(blockIdx.y) * a.columns.per_block + thread % a.columns.per_block;
  const int64_t o = int64_t{blockIdx.x} * a.columns.groups + group;
  if (group >= a.columns.groups || column >= a.columns.count || o >= a.outer) return;
  const auto c = static_cast<size_t>(column) * V;
  const auto at = [&](int64_t s, int64_t stride) {
    return static_cast<size_t>(o * a.S + s) * static_cast<size_t>(stride) + c;
  };
  float best[V], dy[V];
  int64_t first[V];
  load_values(a.x, at(0, a.x_stride), best);
  load_values(a.dy, static_cast<size_t>(o) * static_cast<size_t>(a.dy_stride) + c, dy);
#pragma unroll
  for (int i = 0; i < V; ++i) first[i] = 0;
  for (int64_t s = 1; s < a.S; ++s) {
    float v[V];
    load_values(a.x, at(s, a.x_stride), v);
#pragma unroll
    for (int i = 0; i < V; ++i) {
      if (v[i] > best[i]) best[i] = v[i], first[i] = s;
    }
  }
  for (int64_t s = 0; s < a.S; ++s) {
    float v[V];
#pragma unroll
    for (int i = 0; i < V; ++i) v[i] = s == first[i] ? dy[i] : 0.0f;
    store_values(a.dx, at(s, a.dx_stride), v);
  }
}

Status reduce_max_grad(const Call& call) {
  const Rows x(call.in[0]), dy(call.in[1]), dx(call.out[0]);
  if (x.rows * x.channels == 0) return {};
  const int64_t S = call.in[0].shape[call.in[0].rank - 2];
  return for_float(call.out[0].dtype, [&](auto type) {
    using T = decltype(type);
    int width = 8;
    for (const Tensor* t : {&call.in[0], &call.in[1], &call.out[0]}) width = widest_vector(*t, x.channels, width);
    return for_width<T>(width, [&](auto width) -> Status {
      const Columns columns(x.channels / width);
      const MaxGradArgs<T> args{global<T>(call.out[0]),
                                global<const T>(call.in[0]),
                                global<const T>(call.in[1]),
                                dy.rows,
                                S,
                                dx.stride,
                                x.stride,
                                dy.stride,
                                columns};
      const Grid grid{(dy.rows + columns.groups - 1) / columns.groups, columns.blocks};
      return launch<reduce_max_grad_kernel<T, width>>(grid, kColumnThreads, 0, call.stream, args);
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("reduce_max_grad", reduce_max_grad, no_workspace);

}  // namespace reduce_max_grad_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
