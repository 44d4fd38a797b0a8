#pragma once
// Depthwise convolution (groups == Cin == Cout): y[n,t,h,w,c] = act( sum_k x[n, t*st+kt-pt, h*sh+kh-ph, w*sw+kw-pw, c]
// W[c,k] + b[c] + r[n,t,h,w,c] )
//
// x, y and r [N, T, H, W, C] are rows of channels and may be slices; W [kT, kH, kW, C] is dense; b [C] is f32. Values
// are stored as f32, bf16 or f16 and summed in f32, in the order of the taps of each output; the taps along the tile
// are the innermost.
//
// A thread has V channels (16 bytes where aligned) of a tile of outputs that are neighbours along H; where the window
// has no height, along W or T. Each input of the tile is loaded once per line of taps and added to all outputs it
// belongs to. Neighbouring threads have neighbouring channels, then the next position along W, so that a warp accesses
// a run of a line of W * C values. A block of 256 threads has a range of channels, whose weights it keeps in shared
// memory as [taps][channels], and several tiles per thread.
//
// Accesses to shared memory are free of bank conflicts if the block's channels fill whole rows of banks; otherwise each
// half of a warp takes at most one more pass. Rows of whole 32 bytes are accessed in whole sectors, except for 1 in 2
// sectors of the bias with 8 channels per thread. Other rows, such as 54 channels, take at most one sector more per
// access, since a tap can shift a run to the middle of a sector. x is read about once from memory (lines of the window
// come from L1 and L2); y is written once. An output takes 2 FLOP per tap. At 27 taps, f32 FMA and memory are about
// equal bounds (reference: X3D).
#include "cuda/elementwise/activation.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/fast_divmod.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/vector.h"
#include "cuda/primitives/vector_access.h"
#include "cuda/primitives/warp.h"
#include "ops/conv/conv3d.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace depthwise_detail {

constexpr int kThreads = 256;
constexpr int kRepeats = 4;  // tiles per thread; loading the weights once for 4 tiles costs a few percent
constexpr size_t kWeightBytes =
    32 * 1024;  // shared memory for the weights: 512 channels of 27 taps in 16 bits; 6 blocks per SM

// One axis of the window. Axis 0 is along the tile, axis 1 along neighbouring threads, axis 2 is the third.
struct Axis {
  int in, out, kernel, stride, low;
  int64_t in_stride, out_rows;  // elements of x and rows of y from one position to the next
  int taps;                     // weights from one tap to the next
};

template <typename T>
struct Arguments {
  Global<T> out;
  Global<const T> x, weight, residual;
  Global<const float> bias;
  Axis axis[3];
  int64_t clip_stride, clip_rows, out_stride, residual_stride;
  FastDivmod tiles, out1, out2, vectors;  // tiles per line; outputs along axes 1 and 2; vectors of a block's channels
  int channels, block_channels, all_taps;
  int64_t items;  // tiles x vectors of one block's channels
  Activation activation;
};

// Outputs per tile: 4 for 8 channels, so that sums and weights fit the registers; 8 for fewer channels.
template <int V>
constexpr int kTileOutputs = V >= 8 ? 4 : 8;

// Adds a line of kKernel taps along the tile with stride kStride; (0, 0) stands for any kernel and stride.
template <typename T, int V, int kKernel, int kStride>
VC_DEVICE void add_line(const Arguments<T>& p, Shared<T> weights, size_t line, int begin, int tap,
                        float (&sum)[kTileOutputs<V>][V]) {
  const Axis& along = p.axis[0];
  const auto inputs = [&](int i, float(&x)[V]) {
    const int at = begin + i;
    const bool inside = at >= 0 && at < along.in;
    if (inside) load_values(p.x, line + static_cast<size_t>(at * along.in_stride), x);
    return inside;
  };
  const auto weight_at = [&](int k, float(&w)[V]) {
    load_values(weights, static_cast<uint32_t>((tap + k * along.taps) * p.block_channels), w);
  };
  if constexpr (kKernel > 0) {
    float w[kKernel][V];
#pragma unroll
    for (int k = 0; k < kKernel; ++k) weight_at(k, w[k]);
#pragma unroll
    for (int i = 0; i < (kTileOutputs<V> - 1) * kStride + kKernel; ++i) {
      float x[V];
      if (!inputs(i, x)) continue;
#pragma unroll
      for (int k = 0; k < kKernel; ++k) {
        const int o = (i - k) / kStride;
        if (i < k || (i - k) % kStride || o >= kTileOutputs<V>) continue;
#pragma unroll
        for (int e = 0; e < V; ++e) sum[o][e] = fma(x[e], w[k][e], sum[o][e]);
      }
    }
  } else {
    for (int k = 0; k < along.kernel; ++k) {
      float w[V];
      weight_at(k, w);
#pragma unroll
      for (int o = 0; o < kTileOutputs<V>; ++o) {
        float x[V];
        if (!inputs(o * along.stride + k, x)) continue;
#pragma unroll
        for (int e = 0; e < V; ++e) sum[o][e] = fma(x[e], w[e], sum[o][e]);
      }
    }
  }
}

// Loads channels c to c + V - 1, up to 4 at once: the bias is aligned to 16 bytes, and `c` is a multiple of V.
template <int V>
VC_DEVICE void load_bias(Global<const float> from, int c, float (&bias)[V]) {
  constexpr int kWidth = V < 4 ? V : 4;
#pragma unroll
  for (int i = 0; i < V; i += kWidth) {
    float part[kWidth];
    load_values(from, static_cast<size_t>(c + i), part);
#pragma unroll
    for (int e = 0; e < kWidth; ++e) bias[i + e] = part[e];
  }
}

// The first output of a tile, and its first channel.
struct Place {
  int n, o2, o1, o0, c;
};

// Computes a tile. `weights` begin at channel c. With kSums, the outputs are added to `total` in order.
template <bool kSums, typename T, int V, int kKernel, int kStride>
VC_DEVICE void add_tile(const Arguments<T>& p, Shared<T> weights, const Place& at, float (&total)[V]) {
  constexpr int L = kTileOutputs<V>;
  const auto [n, o2, o1, o0, c] = at;
  const Axis &along = p.axis[0], &middle = p.axis[1], &outer = p.axis[2];
  float sum[L][V] = {};
  for (int k2 = 0; k2 < outer.kernel; ++k2) {
    const int i2 = o2 * outer.stride - outer.low + k2;
    if (i2 < 0 || i2 >= outer.in) continue;
    for (int k1 = 0; k1 < middle.kernel; ++k1) {
      const int i1 = o1 * middle.stride - middle.low + k1;
      if (i1 < 0 || i1 >= middle.in) continue;
      const int64_t line = n * p.clip_stride + i2 * outer.in_stride + i1 * middle.in_stride + c;
      add_line<T, V, kKernel, kStride>(p, weights, static_cast<size_t>(line), o0 * along.stride - along.low,
                                       k2 * outer.taps + k1 * middle.taps, sum);
    }
  }
  const int64_t row0 = n * p.clip_rows + o2 * outer.out_rows + o1 * middle.out_rows + o0 * along.out_rows;
  float bias[V] = {};
  if (p.bias) load_bias(p.bias, c, bias);
#pragma unroll
  for (int o = 0; o < L; ++o) {
    if (o0 + o >= along.out) break;
    const int64_t row = row0 + o * along.out_rows;
#pragma unroll
    for (int e = 0; e < V; ++e) sum[o][e] += bias[e];
    if (p.residual) {
      float r[V];
      load_values(p.residual, static_cast<size_t>(row * p.residual_stride + c), r);
#pragma unroll
      for (int e = 0; e < V; ++e) sum[o][e] += r[e];
    }
    if (p.activation == kRelu) detail::activate_each<kRelu>(sum[o]);
    if (p.activation == kSwish) detail::activate_each<kSwish>(sum[o]);
    if (p.activation != kIdentity && p.activation != kRelu && p.activation != kSwish) {
#pragma unroll
      for (int e = 0; e < V; ++e) sum[o][e] = activate_called(p.activation, sum[o][e]);
    }
    store_values(p.out, static_cast<size_t>(row * p.out_stride + c), sum[o]);
    if constexpr (kSums) {
#pragma unroll
      for (int e = 0; e < V; ++e) total[e] += sum[o][e];
    }
  }
}

// Loads the weights of the block's channels. Other threads may read them after a barrier.
template <typename T>
VC_DEVICE Shared<T> load_weights(const Arguments<T>& p, int first_channel) {
  const int channels = min(p.block_channels, p.channels - first_channel);
  const Shared<T> weights = shared_array<T>(0, static_cast<uint32_t>(p.block_channels * p.all_taps));
  for (int tap = warp_id(); tap < p.all_taps; tap += kThreads / kWarpSize) {
    const size_t from = static_cast<size_t>(tap) * static_cast<size_t>(p.channels) + static_cast<size_t>(first_channel);
#pragma unroll 4
    for (int c = lane_id(); c < channels; c += kWarpSize) {
      weights.store(static_cast<uint32_t>(tap * p.block_channels + c), p.weight.load(from + static_cast<size_t>(c)));
    }
  }
  return weights;
}

template <typename T, int V, int kKernel, int kStride>
__global__ void __launch_bounds__(kThreads, 2) depthwise_kernel(Arguments<T> p) {
  const int first_channel = static_cast<int>(blockIdx.y) * p.block_channels;
  const Shared<T> weights = load_weights(p, first_channel);
  sync_threads();
  const int64_t begin = static_cast<int64_t>(blockIdx.x) * kThreads * kRepeats + threadIdx.x;
  for (int i = 0; i < kRepeats; ++i) {
    const int64_t item = begin + i * kThreads;
    if (item >= p.items) return;
    int vector, s;
    Place at;
    at.n = p.out2.divide(p.tiles.divide(p.out1.divide(p.vectors.divide(static_cast<int>(item), &vector), &at.o1), &s),
                         &at.o2);
    at.o0 = s * kTileOutputs<V>;
    at.c = first_channel + vector * V;
    float total[V];
    if (at.c < p.channels) {
      add_tile<false, T, V, kKernel, kStride>(p, weights.offset(static_cast<uint32_t>(vector * V)), at, total);
    }
  }
}

template <typename T, int V, int kKernel, int kStride>
Status start(const Arguments<T>& p, Stream stream) {
  const int64_t blocks = (p.items + kThreads * kRepeats - 1) / (kThreads * kRepeats);
  const Grid grid{blocks, (p.channels + p.block_channels - 1) / p.block_channels};
  const size_t shared = static_cast<size_t>(p.block_channels) * static_cast<size_t>(p.all_taps) * sizeof(T);
  return launch<depthwise_kernel<T, V, kKernel, kStride>>(grid, kThreads, shared, stream, p);
}

template <typename T, int V>
Status run(const Call& call, Arguments<T> p) {
  const Axis& along = p.axis[0];
  const int64_t tiles = (along.out + kTileOutputs<V> - 1) / kTileOutputs<V>;
  const int64_t most = static_cast<int64_t>(kWeightBytes / sizeof(T)) / p.all_taps / V * V;
  if (most == 0) return {"conv3d: a depthwise window of more than 1024 taps"};
  p.block_channels = static_cast<int>(min<int64_t>((p.channels + V - 1) / V * V, most));
  const int64_t vectors = p.block_channels / V;
  p.tiles = FastDivmod(tiles);
  p.out1 = FastDivmod(p.axis[1].out);
  p.out2 = FastDivmod(p.axis[2].out);
  p.vectors = FastDivmod(vectors);
  p.items = call.out[0].shape[0] * p.axis[2].out * p.axis[1].out * tiles * vectors;
  if (p.items > 0x7fffffff) return {"conv3d: more than 2^31 - 1 tiles of a depthwise convolution"};
  if constexpr (V > 1) {  // odd channels are too rare for extra instances
    if (along.kernel == 3 && along.stride == 1) return start<T, V, 3, 1>(p, call.stream);
    if (along.kernel == 3 && along.stride == 2) return start<T, V, 3, 2>(p, call.stream);
    if (along.kernel == 5 && along.stride == 1) return start<T, V, 5, 1>(p, call.stream);
  }
  return start<T, V, 0, 0>(p, call.stream);
}

}  // namespace depthwise_detail

// Whether tiles are along H.
inline bool along_lines(const Conv3dArgs& a) { return a.kernel[1] > 1; }

// All arguments that do not depend on the vector width, which is returned in `*vector`.
template <typename T>
depthwise_detail::Arguments<T> depthwise_arguments(const Call& call, const Conv3dArgs& a, int* vector) {
  const Tensor &x = call.in[0], &weight = call.in[1], &residual = call.in[3], &y = call.out[0];
  depthwise_detail::Arguments<T> p = {};
  p.out = global<T>(y);
  p.x = global<const T>(x);
  p.weight = global<const T>(weight);
  p.bias = global<const float>(call.in[2]);
  p.residual = global<const T>(residual);
  const int64_t rows[3] = {y.shape[2] * y.shape[3], y.shape[3], 1};
  const int64_t taps[3] = {a.kernel[1] * a.kernel[2], a.kernel[2], 1};
  constexpr int kOrders[3][3] = {{1, 2, 0}, {2, 1, 0}, {0, 2, 1}};
  const int order = along_lines(a) ? 0 : a.kernel[2] > 1 ? 1 : 2;
  for (int i = 0; i < 3; ++i) {
    const int from = kOrders[order][i];
    depthwise_detail::Axis& axis = p.axis[i];
    axis.in = static_cast<int>(x.shape[1 + from]);
    axis.out = static_cast<int>(y.shape[1 + from]);
    axis.kernel = static_cast<int>(a.kernel[from]);
    axis.stride = static_cast<int>(a.stride[from]);
    axis.low = static_cast<int>(a.low[from]);
    axis.in_stride = x.strides[1 + from];
    axis.out_rows = rows[from];
    axis.taps = static_cast<int>(taps[from]);
  }
  p.clip_stride = x.strides[0];
  p.clip_rows = y.shape[1] * y.shape[2] * y.shape[3];
  p.out_stride = y.strides[3];
  p.residual_stride = residual ? residual.strides[3] : 0;
  p.channels = static_cast<int>(x.shape[4]);
  p.all_taps = static_cast<int>(a.taps());
  p.activation = static_cast<Activation>(a.activation);
  *vector = min(widest_vector(x, p.channels, 8),
                min(widest_vector(y, p.channels, 8), widest_vector(residual, p.channels, 8)));
  const int bias_vector = widest_vector(call.in[2], p.channels, 4);
  if (bias_vector < 4) *vector = min(*vector, bias_vector);
  return p;
}

// Needs at least one output.
template <typename T>
Status depthwise(const Call& call, const Conv3dArgs& a) {
  int vector;
  const auto p = depthwise_arguments<T>(call, a, &vector);
  return for_width<T>(vector, [&](auto width) { return depthwise_detail::run<T, decltype(width)::value>(call, p); });
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
