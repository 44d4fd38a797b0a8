// y = (x - mean) / sqrt(var + eps) * weight + bias per channel with the mean and biased variance of the rows of x,
// followed by ReLU on request; also computes the new running statistics.
//
// x and y [rows, C] are of T (f32, bf16 or f16); either may be a channel slice. The vectors [C] are in f32. Three
// kernels compute the sums of x - x[0] and of its square (channel_sums.h), the statistics in f64 with one thread per
// channel, and y, with 16 rows of a column of up to 16 bytes per thread. Subtracting the first row, an estimate of the
// mean, keeps the digits in f32. The workspace holds the partial sums, then scale and shift, [C] each. x is read twice
// and y is written once: bound by memory.
#include "cuda/conv/channel_sums.h"
#include "cuda/elementwise/activation.h"
#include "cuda/primitives/dispatch.h"
#include "ops/norm/batch_norm_train.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace batch_norm_train_op {

constexpr int kRows = 16;

template <typename T, int V>
struct Deviations {
  Global<const T> x;
  size_t stride, c;
  float origin[V];

  VC_DEVICE void operator()(int64_t row, float (&sum)[V], float (&squares)[V]) const {
    float v[V];
    load_values(x, static_cast<size_t>(row) * stride + c, v);
#pragma unroll
    for (int i = 0; i < V; ++i) {
      const float d = v[i] - origin[i];
      sum[i] += d;
      squares[i] = fma(d, d, squares[i]);
    }
  }
};

template <typename T>
struct DeviationSource {
  Global<const T> x;
  size_t stride;

  template <int V>
  VC_DEVICE Deviations<T, V> at(size_t c) const {
    Deviations<T, V> d{x, stride, c, {}};
    load_values(x, c, d.origin);
    return d;
  }
};

template <typename T>
struct StatisticsArgs {
  Global<const float> partial;
  Global<const T> x;
  Global<const float> weight, bias, old_mean, old_variance;
  Global<float> mean, variance, new_mean, new_variance, scale, shift;
  int64_t chunks, rows;
  int channels;
  double eps, momentum;
};

template <typename T>
__global__ void __launch_bounds__(kColumnThreads) statistics_kernel(StatisticsArgs<T> a) {
  const int channel = static_cast<int>(blockIdx.x) * kColumnThreads + static_cast<int>(threadIdx.x);
  if (channel >= a.channels) return;
  const auto c = static_cast<size_t>(channel);
  const auto rows = static_cast<double>(a.rows);
  const double delta = total(a.partial, a.chunks, a.channels, 0, channel) / rows;
  const double squares = total(a.partial, a.chunks, a.channels, 1, channel) - delta * delta * rows;
  const double mean = static_cast<double>(to_float(a.x.load(c))) + delta, all = squares > 0 ? squares : 0;
  const double variance = all / rows, unbiased = a.rows > 1 ? all / (rows - 1) : variance;
  const double gain = static_cast<double>(a.weight.load(c)) / ::sqrt(variance + a.eps);
  const auto rounded = static_cast<float>(mean);
  a.scale.store(c, static_cast<float>(gain));
  // the part of the mean that f32 cannot represent
  const double left = (mean - static_cast<double>(rounded)) * gain;
  a.shift.store(c, static_cast<float>(static_cast<double>(a.bias.load(c)) - left));
  a.mean.store(c, rounded);
  a.variance.store(c, static_cast<float>(variance));
  const auto step = [&](float old, double now) {
    return static_cast<float>((1 - a.momentum) * static_cast<double>(old) + a.momentum * now);
  };
  a.new_mean.store(c, step(a.old_mean.load(c), mean));
  a.new_variance.store(c, step(a.old_variance.load(c), unbiased));
}

template <typename T>
struct ApplyArgs {
  Global<T> y;
  Global<const T> x;
  Global<const float> mean, scale, shift;
  int64_t rows, y_stride, x_stride;
  Columns columns;
  bool relu;
};

template <typename T, int V>
__global__ void __launch_bounds__(kColumnThreads) apply_kernel(ApplyArgs<T> a) {
  const int thread = static_cast<int>(threadIdx.x), group = thread / a.columns.per_block;
  const int column = static_cast<int>(blockIdx.y) * a.columns.per_block + thread % a.columns.per_block;
  if (group >= a.columns.groups || column >= a.columns.count) return;
  const auto c = static_cast<size_t>(column) * V;
  float mean[V], scale[V], shift[V];
  load_vector(a.mean, c, mean);
  load_vector(a.scale, c, scale);
  load_vector(a.shift, c, shift);
  const int64_t first = int64_t{blockIdx.x} * (kRows * a.columns.groups) + group;
#pragma unroll 4
  for (int step = 0; step < kRows; ++step) {
    const int64_t row = first + step * a.columns.groups;
    if (row >= a.rows) return;
    float v[V];
    load_values(a.x, static_cast<size_t>(row) * static_cast<size_t>(a.x_stride) + c, v);
#pragma unroll
    for (int i = 0; i < V; ++i) {
      v[i] = fma(v[i] - mean[i], scale[i], shift[i]);
      if (a.relu) v[i] = relu(v[i]);
    }
    store_values(a.y, static_cast<size_t>(row) * static_cast<size_t>(a.y_stride) + c, v);
  }
}

size_t workspace(const Call& call, int) {
  const Rows x(call.in[0]);
  return static_cast<size_t>(partial_sums(x.rows, x.channels) + 2 * x.channels) * sizeof(float);
}

template <typename T>
Status compute_statistics(const StatisticsArgs<T>& args, int64_t channels, Stream stream) {
  const Grid grid{(channels + kColumnThreads - 1) / kColumnThreads};
  return launch<statistics_kernel<T>>(grid, kColumnThreads, 0, stream, args);
}

Status batch_norm_train(const Call& call) {
  const BatchNormTrainAttributes attrs(call);
  const Rows x(call.in[0]), y(call.out[0]);
  if (x.channels == 0) return {};
  if (x.rows == 0) return {"batch_norm_train: no rows"};
  const auto C = static_cast<size_t>(x.channels);
  const auto most = static_cast<size_t>(partial_sums(x.rows, x.channels));
  const auto partial = Global<float>(reinterpret_cast<float*>(call.workspace), most);
  const auto scale = Global<float>(reinterpret_cast<float*>(call.workspace) + most, C);
  const auto shift = Global<float>(reinterpret_cast<float*>(call.workspace) + most + C, C);
  return for_float(call.out[0].dtype, [&](auto type) {
    using T = decltype(type);
    const int width = vector_width(x.channels, {&call.in[0], &call.out[0]}, {&call.out[1]});
    return for_width<T>(width, [&](auto width) -> Status {
      const Columns columns(x.channels / width);
      const RowChunks chunks(x.rows, columns);
      const DeviationSource<T> source{global<const T>(call.in[0]), static_cast<size_t>(x.stride)};
      Status status = channel_sums<width>(call, source, columns, chunks, partial);
      if (!status) return status;
      const auto vector = [&](const Tensor& t) { return global<const float>(t); };
      const auto result = [&](int i) { return global<float>(call.out[i]); };
      const StatisticsArgs<T> statistics{partial,
                                         global<const T>(call.in[0]),
                                         vector(call.in[1]),
                                         vector(call.in[2]),
                                         vector(call.in[3]),
                                         vector(call.in[4]),
                                         result(1),
                                         result(2),
                                         result(3),
                                         result(4),
                                         scale,
                                         shift,
                                         chunks.count,
                                         x.rows,
                                         static_cast<int>(x.channels),
                                         attrs.eps,
                                         attrs.momentum};
      status = compute_statistics(statistics, x.channels, call.stream);
      if (!status) return status;
      const ApplyArgs<T> args{global<T>(call.out[0]),
                              global<const T>(call.in[0]),
                              vector(call.out[1]),
                              scale,
                              shift,
                              x.rows,
                              y.stride,
                              x.stride,
                              columns,
                              attrs.relu};
      const int64_t per_block = int64_t{kRows} * columns.groups;
      const Grid grid{(x.rows + per_block - 1) / per_block, columns.blocks};
      return launch<apply_kernel<T, width>>(grid, kColumnThreads, 0, call.stream, args);
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("batch_norm_train", batch_norm_train, workspace);

}  // namespace batch_norm_train_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
