#pragma once
// Depthwise convolution (groups == Cin == Cout): y[n,t,h,w,c] = act( sum_k x[n, t*st+kt-pt, h*sh+kh-ph, w*sw+kw-pw, c]
// W[c,k] + b[c] + r[n,t,h,w,c] )
//
// x, y and r [N, T, H, W, C] are rows of channels and may be slices; W [kT, kH, kW, C] is dense; b [C] is f32. Values
// are stored as f32, bf16 or f16 and summed in f32, in the order of the taps of each output; the taps along the tile
// are the innermost.
//
// A thread has V channels (4 where aligned) of a tile of 4 or 8 outputs that are neighbours along H; where the window
// has no height, along W or T. Each input of the tile is loaded once per line of taps and added to all outputs it
// belongs to. Inputs outside of x are zero. The inputs of a line are all loaded before the first is used. Neighbouring
// threads have neighbouring channels, then the next position along W, so that a warp accesses a run of a line of W * C
// values. A block of 256 threads has a range of channels, whose weights it keeps in shared memory as [taps][channels],
// and several tiles per thread.
//
// Accesses to shared memory are free of bank conflicts if the block's channels fill whole rows of banks; otherwise each
// half of a warp takes at most one more pass. Rows of whole 32 bytes are accessed in whole sectors. Other rows, such as
// 54 channels, take at most one sector more per access, since a tap can shift a run to the middle of a sector. x is
// read about once from memory (lines of the window come from L1 and L2); y is written once. An output takes 2 FLOP per
// tap. At 27 taps, f32 FMA and memory are about equal bounds (reference: X3D).
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

// The channels of a thread, and the outputs of a tile: with few channels and stride 1, 8, so that fewer inputs are
// loaded for each output. The sums of a tile, and the weights and inputs of a line, then leave registers for 3 or 4
// blocks per SM (f32: 2 or 3).
constexpr int kMaxVector = 4;
template <int V, int kStride>
constexpr int kTileOutputs = V < kMaxVector && kStride == 1 ? 8 : 4;

// For sm_100, ptxas needs a few registers more for 3 taps along a tile, and would spill.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ == 1000
constexpr int kFewerBlocks = 1;
#else
constexpr int kFewerBlocks = 0;
#endif

// Blocks per SM, as the registers allow.
template <typename T, int V, int kKernel, int kStride, bool kSums>
constexpr int kBlocks = V < kMaxVector ? (kStride == 1 ? 3 : 4)
                        : sizeof(T) > 2
                            ? (kSums || kKernel == 0 ? 2 : 3)
                            : (kSums || kKernel * kStride > 3 ? 3 : 4) - (kSums || kKernel != 3 ? 0 : kFewerBlocks);

// V values as they are stored.
template <typename T, int V>
using Stored = std::conditional_t<V * sizeof(T) < 4, T, Packed<T, V>>;

template <typename T, int V>
VC_DEVICE Stored<T, V> load_stored(Global<const T> from, size_t at) {
  if constexpr (V * sizeof(T) < 4) {
    return from.load(at);
  } else {
    return from.template load_packed<V>(at);
  }
}

template <typename T, int V>
VC_DEVICE void widen(const Stored<T, V>& x, float (&v)[V]) {
  if constexpr (V * sizeof(T) < 4) {
    v[0] = to_float(x);
  } else {
#pragma unroll
    for (int e = 0; e < V; ++e) v[e] = to_float(x[e]);
  }
}

// Adds a line of kKernel taps along the tile with stride kStride; (0, 0) stands for any kernel and stride. All inputs
// of the line (of a tap, for any kernel) are loaded before the first is used, so that the loads overlap.
template <typename T, int V, int kKernel, int kStride>
VC_DEVICE void add_line(const Arguments<T>& p, Shared<T> weights, size_t line, int begin, int tap,
                        float (&sum)[kTileOutputs<V, kStride>][V]) {
  constexpr int L = kTileOutputs<V, kStride>;
  const Axis& along = p.axis[0];
  const auto inside = [&](int i) { return static_cast<unsigned>(begin + i) < static_cast<unsigned>(along.in); };
  // Addresses advance from one value to the next, because those of a whole line would take many registers.
  const auto first_input = static_cast<size_t>(begin * along.in_stride), stride = static_cast<size_t>(along.in_stride);
  const auto first_weight = static_cast<uint32_t>(tap * p.block_channels),
             next_weight = static_cast<uint32_t>(along.taps * p.block_channels);
  if constexpr (kKernel > 0) {
    constexpr int kInputs = (L - 1) * kStride + kKernel;
    Stored<T, V> inputs[kInputs] = {};
    size_t at = line + first_input;
#pragma unroll
    for (int i = 0; i < kInputs; ++i, at += stride) {
      if (inside(i)) inputs[i] = load_stored<T, V>(p.x, at);
    }
    float w[kKernel][V];
    uint32_t from = first_weight;
#pragma unroll
    for (int k = 0; k < kKernel; ++k, from += next_weight) load_values(weights, from, w[k]);
#pragma unroll
    for (int i = 0; i < kInputs; ++i) {
      float x[V];
      widen<T, V>(inputs[i], x);
#pragma unroll
      for (int k = 0; k < kKernel; ++k) {
        const int o = (i - k) / kStride;
        if (i < k || (i - k) % kStride || o >= L) continue;
#pragma unroll
        for (int e = 0; e < V; ++e) sum[o][e] = fma(x[e], w[k][e], sum[o][e]);
      }
    }
  } else {
    for (int k = 0; k < along.kernel; ++k) {
      Stored<T, V> inputs[L] = {};
      size_t at = line + first_input + static_cast<size_t>(k) * stride;
#pragma unroll
      for (int o = 0; o < L; ++o, at += stride * static_cast<size_t>(along.stride)) {
        if (inside(o * along.stride + k)) inputs[o] = load_stored<T, V>(p.x, at);
      }
      float w[V];
      load_values(weights, first_weight + static_cast<uint32_t>(k) * next_weight, w);
#pragma unroll
      for (int o = 0; o < L; ++o) {
        float x[V];
        widen<T, V>(inputs[o], x);
#pragma unroll
        for (int e = 0; e < V; ++e) sum[o][e] = fma(x[e], w[e], sum[o][e]);
      }
    }
  }
}

// The first output of a tile, and its first channel.
struct Place {
  int n, o2, o1, o0, c;
};

// Computes a tile. `weights` begin at channel c. With kSums, the outputs are added to `total` in order.
template <bool kSums, typename T, int V, int kKernel, int kStride>
VC_DEVICE void add_tile(const Arguments<T>& p, Shared<T> weights, const Place& at, float (&total)[V]) {
  constexpr int L = kTileOutputs<V, kStride>;
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
  if (p.bias) load_values(p.bias, static_cast<size_t>(c), bias);
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
__global__ void __launch_bounds__(kThreads, kBlocks<T, V, kKernel, kStride, false>) depthwise_kernel(Arguments<T> p) {
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
    at.o0 = s * kTileOutputs<V, kStride>;
    at.c = first_channel + vector * V;
    float total[V];
    if (at.c < p.channels) {
      add_tile<false, T, V, kKernel, kStride>(p, weights.offset(static_cast<uint32_t>(vector * V)), at, total);
    }
  }
}

template <typename T, int V, int kKernel, int kStride>
Status start(const Call& call, Arguments<T> p) {
  const int64_t tiles = (p.axis[0].out + kTileOutputs<V, kStride> - 1) / kTileOutputs<V, kStride>;
  p.tiles = FastDivmod(tiles);
  p.items = call.out[0].shape[0] * p.axis[2].out * p.axis[1].out * tiles * (p.block_channels / V);
  if (p.items > 0x7fffffff) return {"conv3d: more than 2^31 - 1 tiles of a depthwise convolution"};
  const int64_t blocks = (p.items + kThreads * kRepeats - 1) / (kThreads * kRepeats);
  const Grid grid{blocks, (p.channels + p.block_channels - 1) / p.block_channels};
  const size_t shared = static_cast<size_t>(p.block_channels) * static_cast<size_t>(p.all_taps) * sizeof(T);
  return launch<depthwise_kernel<T, V, kKernel, kStride>>(grid, kThreads, shared, call.stream, p);
}

template <typename T, int V>
Status run(const Call& call, Arguments<T> p) {
  const Axis& along = p.axis[0];
  const int64_t most = static_cast<int64_t>(kWeightBytes / sizeof(T)) / p.all_taps / V * V;
  if (most == 0) return {"conv3d: a depthwise window of more than 1024 taps"};
  p.block_channels = static_cast<int>(min<int64_t>((p.channels + V - 1) / V * V, most));
  p.out1 = FastDivmod(p.axis[1].out);
  p.out2 = FastDivmod(p.axis[2].out);
  p.vectors = FastDivmod(p.block_channels / V);
  if constexpr (V > 1) {  // odd channels are too rare for extra instances
    if (along.kernel == 3 && along.stride == 1) return start<T, V, 3, 1>(call, p);
    if (along.kernel == 3 && along.stride == 2) return start<T, V, 3, 2>(call, p);
    if (along.kernel == 5 && along.stride == 1) return start<T, V, 5, 1>(call, p);
  }
  return start<T, V, 0, 0>(call, p);
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
  *vector = depthwise_detail::kMaxVector;
  for (const Tensor* t : {&x, &y, &residual, &call.in[2]}) {
    *vector = min(*vector, widest_vector(*t, p.channels, *vector));
  }
  return p;
}

// Needs at least one output.
template <typename T>
Status depthwise(const Call& call, const Conv3dArgs& a) {
  int vector;
  const auto p = depthwise_arguments<T>(call, a, &vector);
  return for_width<T, depthwise_detail::kMaxVector>(
      vector, [&](auto width) { return depthwise_detail::run<T, decltype(width)::value>(call, p); });
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
