// y[n, p, c] = x[n, p, c] * g[n, c].
//
// x and y [N, P, C] (P positions of a clip) and g [N, C] are of T (f32, bf16 or f16); each may be a channel slice.
// Products are in f32. A block has 256 threads, and a thread has 16 positions of a column of up to 16 bytes, four at a
// time. No shared memory. x is read once and y is written once: bound by memory.
#include "cuda/primitives/columns.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/vector_access.h"
#include "ops/norm/scale_channels.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace scale_channels_op {

constexpr int kRows = 16, kUnroll = 4;

template <typename T>
struct ScaleArgs {
  Global<T> y;
  Global<const T> x, scale;
  int64_t clips, positions, y_stride, x_stride, scale_stride;
  Columns columns;
};

template <typename T, int V>
__global__ void __launch_bounds__(kColumnThreads) scale_channels_kernel(ScaleArgs<T> a) {
  const int thread = static_cast<int>(threadIdx.x), group = thread / a.columns.per_block;
  const int column = static_cast<int>(blockIdx.y) * a.columns.per_block + thread % a.columns.per_block;
  if (group >= a.columns.groups || column >= a.columns.count) return;
  const auto c = static_cast<size_t>(column) * V;
  const int64_t first = int64_t{blockIdx.x} * (kRows * a.columns.groups) + group;
  for (int64_t n = blockIdx.z; n < a.clips; n += gridDim.z) {
    float scale[V];
    load_values(a.scale, static_cast<size_t>(n) * static_cast<size_t>(a.scale_stride) + c, scale);
#pragma unroll 1
    for (int step = 0; step < kRows; step += kUnroll) {
      float v[kUnroll][V];
#pragma unroll
      for (int u = 0; u < kUnroll; ++u) {
        const int64_t p = first + (step + u) * a.columns.groups;
        if (p >= a.positions) continue;
        load_values(a.x, static_cast<size_t>(n * a.positions + p) * static_cast<size_t>(a.x_stride) + c, v[u]);
      }
#pragma unroll
      for (int u = 0; u < kUnroll; ++u) {
        const int64_t p = first + (step + u) * a.columns.groups;
        if (p >= a.positions) continue;
#pragma unroll
        for (int i = 0; i < V; ++i) v[u][i] *= scale[i];
        store_values(a.y, static_cast<size_t>(n * a.positions + p) * static_cast<size_t>(a.y_stride) + c, v[u]);
      }
    }
  }
}

Status scale_channels(const Call& call) {
  const Rows x(call.in[0]), scale(call.in[1]), y(call.out[0]);
  if (x.rows * x.channels == 0) return {};
  if (call.in[0].dtype != call.in[1].dtype) return {"scale_channels: a scale of the type of x expected"};
  return for_float(call.out[0].dtype, [&](auto type) {
    using T = decltype(type);
    int width = 8;
    for (const Tensor* t : {&call.in[0], &call.in[1], &call.out[0]}) width = widest_vector(*t, x.channels, width);
    return for_width<T>(width, [&](auto width) -> Status {
      const Columns columns(x.channels / width);
      const ScaleArgs<T> args{global<T>(call.out[0]),
                              global<const T>(call.in[0]),
                              global<const T>(call.in[1]),
                              scale.rows,
                              x.rows / scale.rows,
                              y.stride,
                              x.stride,
                              scale.stride,
                              columns};
      const int64_t per_block = int64_t{kRows} * columns.groups;
      const Grid grid{(args.positions + per_block - 1) / per_block, columns.blocks,
                      scale.rows < 65535 ? scale.rows : 65535};
      return launch<scale_channels_kernel<T, width>>(grid, kColumnThreads, 0, call.stream, args);
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("scale_channels", scale_channels, no_workspace);

}  // namespace scale_channels_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
