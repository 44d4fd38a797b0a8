// y = (x - mean) / sqrt(var + eps) * weight + bias per channel, followed by ReLU on request.
//
// x and y [rows, C] are of T (f32, bf16 or f16); either may be a channel slice. The vectors [C] and the arithmetic are
// in f32. A block has 256 threads, and a thread has 16 rows of a column of up to 16 bytes, four rows at a time. No
// shared memory. x is read once and y is written once: bound by memory.
#include "cuda/elementwise/activation.h"
#include "cuda/primitives/columns.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/vector_access.h"
#include "ops/norm/batch_norm.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace batch_norm_op {

constexpr int kRows = 16;  // per thread; loading the four vectors of its channels costs as much as one or two rows
constexpr int kUnroll = 4;

template <typename T>
struct BatchNormArgs {
  Global<T> y;
  Global<const T> x;
  Global<const float> weight, bias, mean, variance;
  int64_t rows, y_stride, x_stride;
  Columns columns;
  float eps;
  bool relu;
};

// Loads V floats, 16 bytes at a time.
template <int V>
VC_DEVICE void load_vector(Global<const float> from, size_t at, float (&v)[V]) {
  if constexpr (V == 8) {
    float low[4], high[4];
    load_values(from, at, low);
    load_values(from, at + 4, high);
#pragma unroll
    for (int i = 0; i < 4; ++i) v[i] = low[i], v[4 + i] = high[i];
  } else {
    load_values(from, at, v);
  }
}

template <typename T, int V>
__global__ void __launch_bounds__(kColumnThreads) batch_norm_kernel(BatchNormArgs<T> a) {
  const int thread = static_cast<int>(threadIdx.x), group = thread / a.columns.per_block;
  const int column = static_cast<int>(blockIdx.y) * a.columns.per_block + thread % a.columns.per_block;
  if (group >= a.columns.groups || column >= a.columns.count) return;
  const auto c = static_cast<size_t>(column) * V;
  float mean[V], scale[V], shift[V], weight[V];
  load_vector(a.mean, c, mean);
  load_vector(a.variance, c, scale);
  load_vector(a.weight, c, weight);
  load_vector(a.bias, c, shift);
#pragma unroll
  for (int i = 0; i < V; ++i) scale[i] = rsqrt_approx(scale[i] + a.eps) * weight[i];
  const int64_t first = int64_t{blockIdx.x} * (kRows * a.columns.groups) + group;
#pragma unroll 1
  for (int step = 0; step < kRows; step += kUnroll) {
    float v[kUnroll][V];
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      const int64_t row = first + (step + u) * a.columns.groups;
      if (row < a.rows) load_values(a.x, static_cast<size_t>(row) * static_cast<size_t>(a.x_stride) + c, v[u]);
    }
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      const int64_t row = first + (step + u) * a.columns.groups;
      if (row >= a.rows) return;
#pragma unroll
      for (int i = 0; i < V; ++i) {
        v[u][i] = fma(v[u][i] - mean[i], scale[i], shift[i]);
        if (a.relu) v[u][i] = relu(v[u][i]);
      }
      store_values(a.y, static_cast<size_t>(row) * static_cast<size_t>(a.y_stride) + c, v[u]);
    }
  }
}

Status batch_norm(const Call& call) {
  const BatchNormAttributes attrs(call);
  const Rows x(call.in[0]), y(call.out[0]);
  if (x.rows * x.channels == 0) return {};
  return for_float(call.out[0].dtype, [&](auto type) {
    using T = decltype(type);
    int width = widest_vector(call.in[0], x.channels, widest_vector(call.out[0], x.channels, 8));
    for (int i = 1; i < 5; ++i) {
      const int vector = widest_vector(call.in[i], x.channels, 4);
      if (vector < 4 && vector < width) width = vector;
    }
    return for_width<T>(width, [&](auto width) -> Status {
      const Columns columns(x.channels / width);
      const BatchNormArgs<T> args{global<T>(call.out[0]),
                                  global<const T>(call.in[0]),
                                  global<const float>(call.in[1]),
                                  global<const float>(call.in[2]),
                                  global<const float>(call.in[3]),
                                  global<const float>(call.in[4]),
                                  x.rows,
                                  y.stride,
                                  x.stride,
                                  columns,
                                  static_cast<float>(attrs.eps),
                                  attrs.relu};
      const int64_t per_block = int64_t{kRows} * columns.groups;
      const Grid grid{(x.rows + per_block - 1) / per_block, columns.blocks};
      return launch<batch_norm_kernel<T, width>>(grid, kColumnThreads, 0, call.stream, args);
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("batch_norm", batch_norm, no_workspace);

}  // namespace batch_norm_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
