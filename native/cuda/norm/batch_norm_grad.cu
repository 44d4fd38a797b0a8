// With s = 1 / sqrt(var + eps), n = (x - mean) s and g = dy (0 where a ReLU followed and n weight + bias is not above
// 0): dweight = sum g n, dbias = sum g, dx = weight s (g - training (dbias + n dweight) / rows).
//
// dy, x and dx [rows, C] are of T (f32, bf16 or f16); each may be a channel slice. The vectors [C] are in f32. Three
// kernels compute the two partial sums (channel_sums.h), their totals in f64 with one thread per channel, and dx, with
// 16 rows of a column of up to 16 bytes per thread. The workspace holds the partial sums, then dbias / rows and dweight
// / rows, [C] each. x and dy are read twice and dx is written once: bound by memory.
#include "cuda/conv/channel_sums.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/math.h"
#include "ops/norm/batch_norm_grad.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace batch_norm_grad_op {

constexpr int kRows = 16;

struct Parameters {
  Global<const float> weight, bias, mean, variance;
  float eps;
  bool relu;
};

// V channels of one column.
template <int V>
struct Channels {
  float mean[V], scale[V], weight[V], bias[V];
  bool relu;

  VC_DEVICE Channels(const Parameters& p, size_t c) : relu(p.relu) {
    load_vector(p.mean, c, mean);
    load_vector(p.variance, c, scale);
    load_vector(p.weight, c, weight);
    load_vector(p.bias, c, bias);
#pragma unroll
    for (int i = 0; i < V; ++i) scale[i] = rsqrt_approx(scale[i] + p.eps);
  }
  // Replaces x by n and dy by g.
  VC_DEVICE void prepare(float (&x)[V], float (&dy)[V]) const {
#pragma unroll
    for (int i = 0; i < V; ++i) {
      x[i] = (x[i] - mean[i]) * scale[i];
      if (relu && !(fma(x[i], weight[i], bias[i]) > 0)) dy[i] = 0;
    }
  }
};

template <typename T, int V>
struct GradientSums {
  Global<const T> x, dy;
  size_t x_stride, dy_stride, c;
  Channels<V> channels;

  VC_DEVICE void operator()(int64_t row, float (&dweight)[V], float (&dbias)[V]) const {
    float n[V], g[V];
    load_values(x, static_cast<size_t>(row) * x_stride + c, n);
    load_values(dy, static_cast<size_t>(row) * dy_stride + c, g);
    channels.prepare(n, g);
#pragma unroll
    for (int i = 0; i < V; ++i) {
      dweight[i] = fma(g[i], n[i], dweight[i]);
      dbias[i] += g[i];
    }
  }
};

template <typename T>
struct GradientSource {
  Global<const T> x, dy;
  size_t x_stride, dy_stride;
  Parameters parameters;

  template <int V>
  VC_DEVICE GradientSums<T, V> at(size_t c) const {
    return {x, dy, x_stride, dy_stride, c, Channels<V>(parameters, c)};
  }
};

struct TotalsArgs {
  Global<const float> partial;
  Global<float> dweight, dbias, of_normal, constant;
  int64_t chunks, rows;
  int channels;
  bool training;
};

__global__ void __launch_bounds__(kColumnThreads) totals_kernel(TotalsArgs a) {
  const int channel = static_cast<int>(blockIdx.x) * kColumnThreads + static_cast<int>(threadIdx.x);
  if (channel >= a.channels) return;
  const auto c = static_cast<size_t>(channel);
  const double dweight = total(a.partial, a.chunks, a.channels, 0, channel);
  const double dbias = total(a.partial, a.chunks, a.channels, 1, channel);
  const double share = a.training ? 1 / static_cast<double>(a.rows) : 0;
  a.dweight.store(c, static_cast<float>(dweight));
  a.dbias.store(c, static_cast<float>(dbias));
  a.of_normal.store(c, static_cast<float>(dweight * share));
  a.constant.store(c, static_cast<float>(dbias * share));
}

template <typename T>
struct ApplyArgs {
  Global<T> dx;
  GradientSource<T> source;
  Global<const float> of_normal, constant;
  int64_t rows;
  size_t dx_stride;
  Columns columns;
};

template <typename T, int V>
__global__ void __launch_bounds__(kColumnThreads) apply_kernel(ApplyArgs<T> a) {
  const int thread = static_cast<int>(threadIdx.x), group = thread / a.columns.per_block;
  const int column = static_cast<int>(blockIdx.y) * a.columns.per_block + thread % a.columns.per_block;
  if (group >= a.columns.groups || column >= a.columns.count) return;
  const auto c = static_cast<size_t>(column) * V;
  const Channels<V> channels(a.source.parameters, c);
  float of_normal[V], constant[V];
  load_vector(a.of_normal, c, of_normal);
  load_vector(a.constant, c, constant);
  const int64_t first = int64_t{blockIdx.x} * (kRows * a.columns.groups) + group;
#pragma unroll 2
  for (int step = 0; step < kRows; ++step) {
    const int64_t row = first + step * a.columns.groups;
    if (row >= a.rows) return;
    float n[V], g[V];
    load_values(a.source.x, static_cast<size_t>(row) * a.source.x_stride + c, n);
    load_values(a.source.dy, static_cast<size_t>(row) * a.source.dy_stride + c, g);
    channels.prepare(n, g);
#pragma unroll
    for (int i = 0; i < V; ++i) {
      g[i] = channels.weight[i] * channels.scale[i] * (g[i] - fma(n[i], of_normal[i], constant[i]));
    }
    store_values(a.dx, static_cast<size_t>(row) * a.dx_stride + c, g);
  }
}

size_t workspace(const Call& call, int) {
  const Rows x(call.in[1]);
  return static_cast<size_t>(partial_sums(x.rows, x.channels) + 2 * x.channels) * sizeof(float);
}

Status batch_norm_grad(const Call& call) {
  const BatchNormGradAttributes attrs(call);
  const Rows dy(call.in[0]), x(call.in[1]), dx(call.out[0]);
  if (x.rows * x.channels == 0) return {"batch_norm_grad: no rows"};
  const auto C = static_cast<size_t>(x.channels);
  const auto most = static_cast<size_t>(partial_sums(x.rows, x.channels));
  const auto partial = Global<float>(reinterpret_cast<float*>(call.workspace), most);
  const auto of_normal = Global<float>(reinterpret_cast<float*>(call.workspace) + most, C);
  const auto constant = Global<float>(reinterpret_cast<float*>(call.workspace) + most + C, C);
  const auto vector = [&](int i) { return global<const float>(call.in[i]); };
  const Parameters parameters{vector(2), vector(3), vector(4), vector(5), static_cast<float>(attrs.eps), attrs.relu};
  return for_float(call.out[0].dtype, [&](auto type) {
    using T = decltype(type);
    const int width = vector_width(x.channels, {&call.in[0], &call.in[1], &call.out[0]},
                                   {&call.in[2], &call.in[3], &call.in[4], &call.in[5]});
    return for_width<T>(width, [&](auto width) -> Status {
      const Columns columns(x.channels / width);
      const RowChunks chunks(x.rows, columns);
      const GradientSource<T> source{global<const T>(call.in[1]), global<const T>(call.in[0]),
                                     static_cast<size_t>(x.stride), static_cast<size_t>(dy.stride), parameters};
      Status status = channel_sums<width>(call, source, columns, chunks, partial);
      if (!status) return status;
      const TotalsArgs totals{partial,
                              global<float>(call.out[1]),
                              global<float>(call.out[2]),
                              of_normal,
                              constant,
                              chunks.count,
                              x.rows,
                              static_cast<int>(x.channels),
                              attrs.training};
      const Grid channels{(x.channels + kColumnThreads - 1) / kColumnThreads};
      status = launch<totals_kernel>(channels, kColumnThreads, 0, call.stream, totals);
      if (!status) return status;
      const ApplyArgs<T> args{global<T>(call.out[0]),         source, of_normal, constant, x.rows,
                              static_cast<size_t>(dx.stride), columns};
      const int64_t per_block = int64_t{kRows} * columns.groups;
      const Grid grid{(x.rows + per_block - 1) / per_block, columns.blocks};
      return launch<apply_kernel<T, width>>(grid, kColumnThreads, 0, call.stream, args);
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("batch_norm_grad", batch_norm_grad, workspace);

}  // namespace batch_norm_grad_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
