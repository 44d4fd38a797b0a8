// layer_norm: u = x + r;  y[m, c] = (u[m, c] - mean_m) / sqrt(var_m + eps) w[c] + b[c],  var = mean((u - mean)^2)
//
// x, r and y [rows, C] may be slices; w and b [C] are f32. x, r and y are stored as f32, bf16 or f16; sums and
// statistics are in f32. Up to 1024 channels, a warp keeps a row in registers, and a block has 4 rows. A block of 256
// threads computes a wider row; it reads the row three times, all but the first time from L1 and L2, and uses 32 bytes
// of shared memory. All accesses have 16 bytes where the operands allow it. x (and r) is read once and y is written
// once, with 8 FLOP per element: bound by memory. A chunk of 16 bytes belongs to one lane whatever the access width, so
// that the order of the sums follows from C and the storage type alone.
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/vector.h"
#include "cuda/primitives/vector_access.h"
#include "cuda/primitives/warp.h"
#include "ops/norm/layer_norm.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace layer_norm_op {

constexpr int kRows = 4;  // per block; small enough that a few hundred rows occupy all SMs
constexpr int kRowThreads = kRows * kWarpSize;
// channels; with 32 values per lane, 28 warps fit an SM, with 16 loads each in flight
constexpr int kMaxInRegisters = 1024;
constexpr int kWideThreads = 256;

template <typename T>
constexpr int kChunk = 16 / static_cast<int>(sizeof(T));

template <typename T>
struct Arguments {
  Global<T> y;
  Global<const T> x, residual;
  Global<const float> weight, bias;
  int64_t rows, y_stride, x_stride, residual_stride;
  int C;
  float eps;
};

// Loads a chunk of u, V elements at a time, with zeros after the last channel.
template <int V, typename T>
VC_DEVICE void load_chunk(const Arguments<T>& p, int64_t row, int c, float* u) {
#pragma unroll
  for (int i = 0; i < kChunk<T>; i += V) {
    float v[V] = {}, r[V] = {};
    if (c + i < p.C) {
      load_values(p.x, static_cast<size_t>(row * p.x_stride + c + i), v);
      if (p.residual) load_values(p.residual, static_cast<size_t>(row * p.residual_stride + c + i), r);
    }
#pragma unroll
    for (int j = 0; j < V; ++j) u[i + j] = v[j] + r[j];
  }
}

// The sum over a chunk of (u - mean)^2.
template <typename T>
VC_DEVICE float add_squares(const Arguments<T>& p, int c, const float* u, float mean, float sum) {
#pragma unroll
  for (int i = 0; i < kChunk<T>; ++i) {
    const float d = c + i < p.C ? u[i] - mean : 0.0f;
    sum = fma(d, d, sum);
  }
  return sum;
}

template <int V>
VC_DEVICE void load_vector(Global<const float> from, int c, float (&v)[V]) {
  constexpr int kStep = V < 4 ? V : 4;
#pragma unroll
  for (int i = 0; i < V; i += kStep) {
    float part[kStep];
    load_values(from, static_cast<size_t>(c + i), part);
#pragma unroll
    for (int j = 0; j < kStep; ++j) v[i + j] = part[j];
  }
}

template <int V, typename T>
VC_DEVICE void store_chunk(const Arguments<T>& p, int64_t row, int c, const float* u, float mean, float scale) {
#pragma unroll
  for (int i = 0; i < kChunk<T>; i += V) {
    if (c + i >= p.C) break;
    float v[V], factor[V];
#pragma unroll
    for (int j = 0; j < V; ++j) v[j] = (u[i + j] - mean) * scale;
    if (p.weight) {
      load_vector(p.weight, c + i, factor);
#pragma unroll
      for (int j = 0; j < V; ++j) v[j] *= factor[j];
    }
    if (p.bias) {
      load_vector(p.bias, c + i, factor);
#pragma unroll
      for (int j = 0; j < V; ++j) v[j] += factor[j];
    }
    store_values(p.y, static_cast<size_t>(row * p.y_stride + c + i), v);
  }
}

// For rows of up to 32 kChunks chunks of channels.
template <typename T, int V, int kChunks>
__global__ void __launch_bounds__(kRowThreads) row_kernel(Arguments<T> p) {
  const int64_t row = int64_t{blockIdx.x} * kRows + warp_id();
  if (row >= p.rows) return;
  float u[kChunks][kChunk<T>];
  float sum = 0;
#pragma unroll
  for (int k = 0; k < kChunks; ++k) {
    load_chunk<V>(p, row, (k * kWarpSize + lane_id()) * kChunk<T>, u[k]);
#pragma unroll
    for (int i = 0; i < kChunk<T>; ++i) sum += u[k][i];
  }
  const auto count = static_cast<float>(p.C);
  const float mean = warp_sum(sum) / count;
  float squares = 0;
#pragma unroll
  for (int k = 0; k < kChunks; ++k) {
    squares = add_squares(p, (k * kWarpSize + lane_id()) * kChunk<T>, u[k], mean, squares);
  }
  const float scale = rsqrt_approx(warp_sum(squares) / count + p.eps);
#pragma unroll
  for (int k = 0; k < kChunks; ++k) {
    store_chunk<V>(p, row, (k * kWarpSize + lane_id()) * kChunk<T>, u[k], mean, scale);
  }
}

// The sum over all threads, with the same bits in each of them.
VC_DEVICE float block_sum(float x, Shared<float> partial) {
  x = warp_sum(x);
  if (lane_id() == 0) partial.store(static_cast<uint32_t>(warp_id()), x);
  sync_threads();
  float sum = 0;
#pragma unroll
  for (uint32_t w = 0; w < kWideThreads / kWarpSize; ++w) sum += partial.load(w);
  sync_threads();
  return sum;
}

template <typename T, int V>
__global__ void __launch_bounds__(kWideThreads) wide_row_kernel(Arguments<T> p) {
  const Shared<float> partial = shared_array<float>(0, kWideThreads / kWarpSize);
  const int64_t row = blockIdx.x;
  const int first = static_cast<int>(threadIdx.x) * kChunk<T>;
  constexpr int kStep = kWideThreads * kChunk<T>;
  float u[kChunk<T>];
  float sum = 0;
  for (int c = first; c < p.C; c += kStep) {
    load_chunk<V>(p, row, c, u);
#pragma unroll
    for (int i = 0; i < kChunk<T>; ++i) sum += u[i];
  }
  const auto count = static_cast<float>(p.C);
  const float mean = block_sum(sum, partial) / count;
  float squares = 0;
  for (int c = first; c < p.C; c += kStep) {
    load_chunk<V>(p, row, c, u);
    squares = add_squares(p, c, u, mean, squares);
  }
  const float scale = rsqrt_approx(block_sum(squares, partial) / count + p.eps);
  for (int c = first; c < p.C; c += kStep) {
    load_chunk<V>(p, row, c, u);
    store_chunk<V>(p, row, c, u, mean, scale);
  }
}

template <typename T, int V, int kChunks>
Status start(const Arguments<T>& p, Stream stream) {
  const Grid grid{(p.rows + kRows - 1) / kRows};
  return launch<row_kernel<T, V, kChunks>>(grid, kRowThreads, 0, stream, p);
}

template <typename T, int V>
Status normalise(const Arguments<T>& p, Stream stream) {
  if (p.C > kMaxInRegisters) {
    return launch<wide_row_kernel<T, V>>(Grid{p.rows}, kWideThreads, sizeof(float) * kWideThreads / kWarpSize, stream,
                                         p);
  }
  constexpr int kMaxChunks = kMaxInRegisters / kWarpSize / kChunk<T>;
  if constexpr (V == kChunk<T>) {
    const int chunks = (p.C + kWarpSize * kChunk<T> - 1) / (kWarpSize * kChunk<T>);
    if (chunks == 1) return start<T, V, 1>(p, stream);
    if (chunks == 2) return start<T, V, 2>(p, stream);
    if (chunks == 3) return start<T, V, 3>(p, stream);
    if constexpr (kMaxChunks > 4) {
      if (chunks == 4) return start<T, V, 4>(p, stream);
      if (chunks <= 6) return start<T, V, 6>(p, stream);
    }
  }
  return start<T, V, kMaxChunks>(p, stream);  // narrower accesses are rare
}

template <typename T>
Status layer_norm(const Call& call) {
  const Tensor &x = call.in[0], &weight = call.in[1], &bias = call.in[2], &residual = call.in[3], &y = call.out[0];
  const Rows rows(x);
  if (rows.rows == 0 || rows.channels == 0) return {};
  if (rows.rows > 0x7fffffff || rows.channels > 0x7fffffff) return {"more than 2^31 - 1 rows or channels"};
  const Arguments<T> p{global<T>(y),
                       global<const T>(x),
                       global<const T>(residual),
                       global<const float>(weight),
                       global<const float>(bias),
                       rows.rows,
                       Rows(y).stride,
                       rows.stride,
                       residual ? Rows(residual).stride : 0,
                       static_cast<int>(rows.channels),
                       static_cast<float>(LayerNormAttributes(call).eps)};
  int vector = kChunk<T>;
  for (const Tensor* t : {&x, &y, &residual}) vector = min(vector, widest_vector(*t, rows.channels, kChunk<T>));
  for (const Tensor* t : {&weight, &bias}) {
    if (widest_vector(*t, rows.channels, 4) < min(vector, 4)) vector = 1;
  }
  if (vector == kChunk<T>) return normalise<T, kChunk<T>>(p, call.stream);
  if constexpr (sizeof(T) == 2) {
    if (vector >= 2) return normalise<T, 2>(p, call.stream);
  }
  return normalise<T, 1>(p, call.stream);
}

Status run(const Call& call) {
  return for_float(call.in[0].dtype, [&](auto zero) { return layer_norm<decltype(zero)>(call); });
}

VIDEOCLIP_CUDA_KERNEL("layer_norm", run, no_workspace);

}  // namespace layer_norm_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
