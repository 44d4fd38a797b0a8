// y[r, c] = exp(x[r, c] - max) / sum, or its logarithm x[r, c] - max - log(sum).
//
// x and y [rows, C] are of T (f32, bf16 or f16); either may be a channel slice. Arithmetic is in f32. Up to 1024
// columns, a warp keeps a row in registers (32 values per lane), and a block has 8 rows. A block of 256 threads
// computes a longer row and reads it three times, all but the first time from the caches. x is read once from memory
// and y is written once: bound by memory. The special functions are no limit: there are 3 for every 8 values of 2
// bytes.
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/vector.h"
#include "cuda/primitives/vector_access.h"
#include "cuda/primitives/warp.h"
#include "ops/attention/softmax.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace softmax_op {

constexpr int kThreads = 256, kWarps = kThreads / kWarpSize, kHeld = 32;

template <typename T>
struct SoftmaxArgs {
  Global<T> y;
  Global<const T> x;
  int64_t rows, y_stride, x_stride;
  int C;
  bool log;
};

template <int V>
VC_DEVICE void finish(const float (&x)[V], float row_max, float sum, bool log, float (&y)[V]) {
  const float shift = log ? ::logf(sum) : 1.0f / sum;
#pragma unroll
  for (int i = 0; i < V; ++i) y[i] = log ? x[i] - row_max - shift : exp_approx(x[i] - row_max) * shift;
}

// The number of vectors per lane, for kHeld values.
template <typename T, int V>
__global__ void __launch_bounds__(kThreads) softmax_warp_kernel(SoftmaxArgs<T> a) {
  const int64_t row = int64_t{blockIdx.x} * kWarps + warp_id();
  if (row >= a.rows) return;
  const Global<const T> x = a.x.offset(static_cast<size_t>(row) * static_cast<size_t>(a.x_stride));
  float v[kHeld / V][V];
  float row_max = bits_to_float(0xff800000u), sum = 0;
#pragma unroll
  for (int k = 0; k < kHeld / V; ++k) {
    const int c = (k * kWarpSize + lane_id()) * V;
    if (c >= a.C) continue;
    load_values(x, static_cast<size_t>(c), v[k]);
#pragma unroll
    for (int i = 0; i < V; ++i) row_max = max(row_max, v[k][i]);
  }
  row_max = warp_max(row_max);
#pragma unroll
  for (int k = 0; k < kHeld / V; ++k) {
    if ((k * kWarpSize + lane_id()) * V >= a.C) continue;
#pragma unroll
    for (int i = 0; i < V; ++i) sum += exp_approx(v[k][i] - row_max);
  }
  sum = warp_sum(sum);
#pragma unroll
  for (int k = 0; k < kHeld / V; ++k) {
    const int c = (k * kWarpSize + lane_id()) * V;
    if (c >= a.C) continue;
    float y[V];
    finish(v[k], row_max, sum, a.log, y);
    store_values(a.y, static_cast<size_t>(row) * static_cast<size_t>(a.y_stride) + static_cast<size_t>(c), y);
  }
}

template <typename T, int V>
__global__ void __launch_bounds__(kThreads) softmax_block_kernel(SoftmaxArgs<T> a) {
  const Shared<float> row_maxima = shared_array<float>(0, kWarps);
  const Shared<float> sums = shared_array<float>(kWarps * sizeof(float), kWarps);
  const size_t row = blockIdx.x;
  const Global<const T> x = a.x.offset(row * static_cast<size_t>(a.x_stride));
  float row_max = bits_to_float(0xff800000u), sum = 0, v[V];
#pragma unroll 4
  for (int c = static_cast<int>(threadIdx.x) * V; c < a.C; c += kThreads * V) {
    load_values(x, static_cast<size_t>(c), v);
#pragma unroll
    for (int i = 0; i < V; ++i) row_max = max(row_max, v[i]);
  }
  row_max = warp_max(row_max);
  if (lane_id() == 0) row_maxima.store(static_cast<uint32_t>(warp_id()), row_max);
  sync_threads();
  for (uint32_t w = 0; w < kWarps; ++w) row_max = max(row_max, row_maxima.load(w));
#pragma unroll 4
  for (int c = static_cast<int>(threadIdx.x) * V; c < a.C; c += kThreads * V) {
    load_values(x, static_cast<size_t>(c), v);
#pragma unroll
    for (int i = 0; i < V; ++i) sum += exp_approx(v[i] - row_max);
  }
  sum = warp_sum(sum);
  if (lane_id() == 0) sums.store(static_cast<uint32_t>(warp_id()), sum);
  sync_threads();
  sum = 0;
  for (uint32_t w = 0; w < kWarps; ++w) sum += sums.load(w);
#pragma unroll 4
  for (int c = static_cast<int>(threadIdx.x) * V; c < a.C; c += kThreads * V) {
    float y[V];
    load_values(x, static_cast<size_t>(c), v);
    finish(v, row_max, sum, a.log, y);
    store_values(a.y, row * static_cast<size_t>(a.y_stride) + static_cast<size_t>(c), y);
  }
}

Status softmax(const Call& call) {
  const Rows x(call.in[0]), y(call.out[0]);
  if (x.rows * x.channels == 0) return {};
  if (x.channels > 0x3fffffff) return {"softmax: rows of more than 2^30 values"};
  return for_float(call.out[0].dtype, [&](auto type) {
    using T = decltype(type);
    const int width = widest_vector(call.in[0], x.channels, widest_vector(call.out[0], x.channels, 8));
    const SoftmaxArgs<T> args{global<T>(call.out[0]),       global<const T>(call.in[0]), x.rows, y.stride, x.stride,
                              static_cast<int>(x.channels), SoftmaxAttributes(call).log};
    return for_width<T>(width, [&](auto width) -> Status {
      if (x.channels <= kHeld * kWarpSize) {
        const Grid grid{(x.rows + kWarps - 1) / kWarps};
        return launch<softmax_warp_kernel<T, width>>(grid, kThreads, 0, call.stream, args);
      }
      const Grid grid{x.rows};
      return launch<softmax_block_kernel<T, width>>(grid, kThreads, 2 * kWarps * sizeof(float), call.stream, args);
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("softmax", softmax, no_workspace);

}  // namespace softmax_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
