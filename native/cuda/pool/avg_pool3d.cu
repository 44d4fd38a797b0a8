// y[n, t, h, w, c] = sum of x over the window / number of positions (with or without the padding).
//
// x [N, T, H, W, C] and y [N, T', H', W', C] are of T (f32, bf16 or f16); either may be a channel slice. Sums are in
// f32. A block computes one output for up to 256 columns (a column is up to 16 bytes of channels). Its 256 threads
// share the positions of the window; each adds its positions in order, and their sums are then added in order (8 KB of
// shared memory). For a window of few positions, one thread computes one column, and a block computes several outputs.
// The choice follows from the window and the channels alone. x is read once where windows do not overlap, and y is
// written once: bound by memory.
#include "cuda/pool/window.h"
#include "cuda/primitives/columns.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/vector_access.h"
#include "ops/pool/avg_pool3d.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace avg_pool3d_op {

constexpr int kFew = 32;  // positions that one thread adds

template <typename T>
struct AvgPoolArgs {
  Global<T> y;
  Global<const T> x;
  Pool pool;
  Columns columns;
  FastDivmod by_t, by_h, by_w;
  int64_t outputs;
};

// The output of a block or thread.
struct Output {
  int64_t n;
  int t, h, w;

  template <typename T>
  VC_DEVICE Output(const AvgPoolArgs<T>& a, int64_t index) {
    const int rest = a.by_h.divide(a.by_w.divide(static_cast<int>(index), &w), &h);
    n = a.by_t.divide(rest, &t);
  }
};

template <typename T, int V>
VC_DEVICE void add(const AvgPoolArgs<T>& a, int64_t n, int t, int h, int w, size_t c, float (&sum)[V]) {
  float v[V];
  load_values(a.x, pool_offset(a.pool.x, n, t, h, w) + c, v);
#pragma unroll
  for (int i = 0; i < V; ++i) sum[i] += v[i];
}

VC_DEVICE float divisor_of(const Pool& pool, const Window& t, const Window& h, const Window& w) {
  return static_cast<float>(pool.padding_counts ? t.padded * h.padded * w.padded
                                                : t.inside() * h.inside() * w.inside());
}

template <typename T, int V>
__global__ void __launch_bounds__(kColumnThreads, 3) avg_pool_kernel(AvgPoolArgs<T> a) {
  const int thread = static_cast<int>(threadIdx.x), group = thread / a.columns.per_block;
  const int column = static_cast<int>(blockIdx.y) * a.columns.per_block + thread % a.columns.per_block;
  const int64_t index = int64_t{blockIdx.x} * a.columns.groups + group;
  if (group >= a.columns.groups || column >= a.columns.count || index >= a.outputs) return;
  const Output o(a, index);
  const Window t(a.pool.axis[0], o.t), h(a.pool.axis[1], o.h), w(a.pool.axis[2], o.w);
  const auto c = static_cast<size_t>(column) * V;
  float sum[V] = {};
  for (int it = t.begin; it < t.end; ++it) {
    for (int ih = h.begin; ih < h.end; ++ih) {
#pragma unroll 4
      for (int iw = w.begin; iw < w.end; ++iw) add(a, o.n, it, ih, iw, c, sum);
    }
  }
  const float divisor = divisor_of(a.pool, t, h, w);
#pragma unroll
  for (int i = 0; i < V; ++i) sum[i] /= divisor;
  store_values(a.y, pool_offset(a.pool.y, o.n, o.t, o.h, o.w) + c, sum);
}

template <typename T, int V>
__global__ void __launch_bounds__(kColumnThreads, 3) wide_avg_pool_kernel(AvgPoolArgs<T> a) {
  const int thread = static_cast<int>(threadIdx.x), group = thread / a.columns.per_block;
  const int first_column = static_cast<int>(blockIdx.y) * a.columns.per_block;
  const int column = first_column + thread % a.columns.per_block;
  const Output o(a, blockIdx.x);
  const Window t(a.pool.axis[0], o.t), h(a.pool.axis[1], o.h), w(a.pool.axis[2], o.w);
  float sum[V] = {};
  if (group < a.columns.groups && column < a.columns.count) {
    const int inside = w.inside(), rows = h.inside(), positions = t.inside() * rows * inside;
#pragma unroll 4
    for (int p = group; p < positions; p += a.columns.groups) {
      const int row = p / inside;
      add(a, o.n, t.begin + row / rows, h.begin + row % rows, w.begin + p % inside, static_cast<size_t>(column) * V,
          sum);
    }
  }
  const float divisor = divisor_of(a.pool, t, h, w);
  const size_t to = pool_offset(a.pool.y, o.n, o.t, o.h, o.w);
  ColumnSum<V>::run(a.columns, sum, [&](int c, float total) {
    const int channel = first_column * V + c;
    if (channel < a.pool.channels) a.y.store(to + static_cast<size_t>(channel), from_float<T>(total / divisor));
  });
}

Status avg_pool3d(const Call& call) {
  const Tensor& y = call.out[0];
  if (y.elements() == 0) return {};
  const AvgPool3dAttributes attrs(call);
  const Pool pool(attrs, attrs.count_include_pad, call.in[0], y);
  const PoolAxis &t = pool.axis[0], &h = pool.axis[1], &w = pool.axis[2];
  const int64_t outputs = y.elements() / y.shape[4];
  if (outputs > 0x7fffffff) return {"avg_pool3d: more outputs than one launch can address"};
  const bool wide = int64_t{t.kernel} * h.kernel * w.kernel > kFew;
  const int width = widest_vector(call.in[0], pool.channels, widest_vector(y, pool.channels, 8));
  return for_float(y.dtype, [&](auto type) {
    using T = decltype(type);
    return for_width<T>(width, [&](auto width) -> Status {
      const Columns columns(pool.channels / width);
      const AvgPoolArgs<T> args{global<T>(y),      global<const T>(call.in[0]), pool,   columns, FastDivmod(t.out),
                                FastDivmod(h.out), FastDivmod(w.out),           outputs};
      const int64_t blocks = wide ? outputs : (outputs + columns.groups - 1) / columns.groups;
      const Grid grid{blocks, columns.blocks};
      return wide ? launch<wide_avg_pool_kernel<T, width>>(grid, kColumnThreads, ColumnSum<width>::kBytes, call.stream,
                                                           args)
                  : launch<avg_pool_kernel<T, width>>(grid, kColumnThreads, 0, call.stream, args);
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("avg_pool3d", avg_pool3d, no_workspace);

}  // namespace avg_pool3d_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
