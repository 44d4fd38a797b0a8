// dx[n, p, c] = dy[n, c] / P for the P positions of a clip.
//
// dy [N, C] and dx [N, P, C] are of T (f32, bf16 or f16); either may be a channel slice. The quotient is computed in
// f32. A block has 256 threads, and a thread has 16 positions of a column of up to 16 bytes. No shared memory. dx is
// written once: bound by memory.
#include "cuda/primitives/columns.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/vector_access.h"
#include "ops/pool/global_mean_grad.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace global_mean_grad_op {

constexpr int kRows = 16;

template <typename T>
struct SpreadArgs {
  Global<T> dx;
  Global<const T> dy;
  int64_t clips, positions, dx_stride, dy_stride;
  Columns columns;
};

template <typename T, int V>
__global__ void __launch_bounds__(kColumnThreads) global_mean_grad_kernel(SpreadArgs<T> a) {
  const int thread = static_cast<int>(threadIdx.x), group = thread / a.columns.per_block;
  const int column = static_cast<int>(blockIdx.y) * a.columns.per_block + thread % a.columns.per_block;
  if (group >= a.columns.groups || column >= a.columns.count) return;
  const auto c = static_cast<size_t>(column) * V;
  const int64_t first = int64_t{blockIdx.x} * (kRows * a.columns.groups) + group;
  for (int64_t n = blockIdx.z; n < a.clips; n += gridDim.z) {
    float v[V];
    load_values(a.dy, static_cast<size_t>(n) * static_cast<size_t>(a.dy_stride) + c, v);
#pragma unroll
    for (int i = 0; i < V; ++i) v[i] /= static_cast<float>(a.positions);
#pragma unroll 4
    for (int step = 0; step < kRows; ++step) {
      const int64_t p = first + step * a.columns.groups;
      if (p >= a.positions) break;
      store_values(a.dx, static_cast<size_t>(n * a.positions + p) * static_cast<size_t>(a.dx_stride) + c, v);
    }
  }
}

Status global_mean_grad(const Call& call) {
  const Rows dy(call.in[0]), dx(call.out[0]);
  if (dx.rows * dx.channels == 0) return {};
  return for_float(call.out[0].dtype, [&](auto type) {
    using T = decltype(type);
    const int width = widest_vector(call.in[0], dx.channels, widest_vector(call.out[0], dx.channels, 8));
    return for_width<T>(width, [&](auto width) -> Status {
      const Columns columns(dx.channels / width);
      const SpreadArgs<T> args{global<T>(call.out[0]),
                               global<const T>(call.in[0]),
                               dy.rows,
                               dx.rows / dy.rows,
                               dx.stride,
                               dy.stride,
                               columns};
      const int64_t per_block = int64_t{kRows} * columns.groups;
      const Grid grid{(args.positions + per_block - 1) / per_block, columns.blocks, dy.rows < 65535 ? dy.rows : 65535};
      return launch<global_mean_grad_kernel<T, width>>(grid, kColumnThreads, 0, call.stream, args);
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("global_mean_grad", global_mean_grad, no_workspace);

}  // namespace global_mean_grad_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
