// gates_of_sums: y[n, out_i + o] = activation(sum_c weight_i[o, c] mean_i[n, c] + bias_i[o]),
//                mean_i[n, c] = sum_p sums_i[n, p, first_i + c] / positions
//
// sums_i and bias_i are f32; weight_i and y are of T (f32, bf16 or f16). Sums and products are in f32.
//
// One launch serves all gates of a block of the network, because each is far too small for a GPU: a few rows, and at
// most some hundred thousand weights. A block of 512 threads computes one gate of one clip. First it adds the parts of
// each channel, several parts of a channel at once, in an order that follows from the layer; the means stay in shared
// memory. Then each warp takes four rows of the weight at a time, whose loads of 16 bytes are in flight together, and
// adds the products of a row over its lanes. The results are written by neighbouring threads.
//
// At most 16.1 KiB of shared memory. The sums of a clip are read once from L2, where the convolution left them, and the
// weights once per clip: 32 clips of the largest gate of S3D-G (384 channels, bf16) read 9 MB. Bound by latency.
#include "cuda/elementwise/activation.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/vector.h"
#include "cuda/primitives/vector_access.h"
#include "cuda/primitives/warp.h"
#include "ops/pool/gates_of_sums.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace gates_of_sums_op {

constexpr int kThreads = 512, kWarps = kThreads / kWarpSize;
constexpr int kRows = 4;  // of the weight, which a warp multiplies at once

template <typename T>
struct Gate {
  Global<const float> sums, bias;
  Global<const T> weight;
  int64_t parts, in_channels, first;
  int outs, channels;  // rows and columns of the weight
  int y_first;
};

template <typename T>
struct GatesArgs {
  Gate<T> gates[kMaxGates];
  Global<T> y;
  int64_t y_stride;
  int activation;
  float positions;
};

// The place of a mean in shared memory, for lanes that read V neighbouring channels, four at a time. The second four of
// a vector of 8 are in another plane, so that the lanes of an access read neighbouring words.
template <int V>
VC_DEVICE int mean_at(int c, int plane) {
  return V == 8 ? (c / 4 % 2) * plane + c / 8 * 4 + c % 4 : c;
}

// Words of a plane of the means of `channels` channels. The planes begin 16 banks apart, so that neighbouring channels
// are stored without conflicts.
VC_HOST_DEVICE constexpr int plane_of(int channels) { return ((channels + 7) / 8 * 4 + 15) / 32 * 32 + 16; }

template <int V>
VC_DEVICE void load_means(Shared<float> means, int c, int plane, float (&v)[V]) {
  constexpr int kPart = V < 4 ? V : 4;
#pragma unroll
  for (int i = 0; i < V; i += kPart) {
    float part[kPart];
    load_values(means, static_cast<uint32_t>(mean_at<V>(c + i, plane)), part);
#pragma unroll
    for (int j = 0; j < kPart; ++j) v[i + j] = part[j];
  }
}

// The sums of all parts of a channel: `groups` threads add every groups-th part each, and one adds theirs in order.
template <typename T, int V>
VC_DEVICE void make_means(const Gate<T>& gate, float positions, int64_t n, Shared<float> means, Shared<float> partial) {
  const int thread = static_cast<int>(threadIdx.x), C = gate.channels, plane = plane_of(C);
  const int groups = C < kThreads ? kThreads / C : 1;
  const size_t start = static_cast<size_t>(n * gate.parts * gate.in_channels + gate.first);
  const int group = thread / C;
  for (int c = thread % C; c < C && group < groups; c += kThreads) {
    float sum = 0;
#pragma unroll 4
    for (int64_t p = group; p < gate.parts; p += groups) {
      sum += gate.sums.load(start + static_cast<size_t>(p * gate.in_channels + c));
    }
    if (groups == 1) {
      means.store(static_cast<uint32_t>(mean_at<V>(c, plane)), sum / positions);
    } else {
      partial.store(static_cast<uint32_t>(thread), sum);
    }
  }
  sync_threads();
  if (groups > 1 && thread < C) {
    float sum = 0;
    for (int g = 0; g < groups; ++g) sum += partial.load(static_cast<uint32_t>(g * C + thread));
    means.store(static_cast<uint32_t>(mean_at<V>(thread, plane)), sum / positions);
  }
  sync_threads();
}

// Words of shared memory: the means, the sums of groups of parts, and the products of all rows.
struct SharedWords {
  int means, partial, products;
  VC_HOST_DEVICE explicit SharedWords(int channels, int outs)
      : means(2 * plane_of(channels)), partial(channels < kThreads ? kThreads : 0), products(outs) {}
  VC_HOST_DEVICE int all() const { return means + partial + products; }
};

template <typename T, int V>
__global__ void __launch_bounds__(kThreads, 1) gates_of_sums_kernel(GatesArgs<T> a) {
  const Gate<T> gate = a.gates[blockIdx.y];
  const int64_t n = blockIdx.x;
  const SharedWords words(gate.channels, gate.outs);
  const auto means = shared_array<float>(0, static_cast<uint32_t>(words.means));
  const auto partial =
      shared_array<float>(static_cast<uint32_t>(4 * words.means), static_cast<uint32_t>(words.partial));
  const auto products = shared_array<float>(static_cast<uint32_t>(4 * (words.means + words.partial)),
                                            static_cast<uint32_t>(words.products));
  make_means<T, V>(gate, a.positions, n, means, partial);

  const int plane = plane_of(gate.channels);
  for (int row = warp_id() * kRows; row < gate.outs; row += kWarps * kRows) {
    float sum[kRows] = {};
    for (int c = lane_id() * V; c < gate.channels; c += kWarpSize * V) {
      float w[kRows][V], mean[V];
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        const int o = min(row + r, gate.outs - 1);  // the last rows are read again, not beyond the weight
        load_values(gate.weight, static_cast<size_t>(o) * static_cast<size_t>(gate.channels) + static_cast<size_t>(c),
                    w[r]);
      }
      load_means(means, c, plane, mean);
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
#pragma unroll
        for (int i = 0; i < V; ++i) sum[r] = fma(w[r][i], mean[i], sum[r]);
      }
    }
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      const float total = warp_sum(sum[r]);
      if (lane_id() == r && row + r < gate.outs) products.store(static_cast<uint32_t>(row + r), total);
    }
  }
  sync_threads();
  const size_t to = static_cast<size_t>(n * a.y_stride + gate.y_first);
  for (int o = static_cast<int>(threadIdx.x); o < gate.outs; o += kThreads) {
    const float bias = gate.bias ? gate.bias.load(static_cast<size_t>(o)) : 0.0f;
    const float product = products.load(static_cast<uint32_t>(o));
    a.y.store(to + static_cast<size_t>(o), from_float<T>(activate_called(a.activation, product + bias)));
  }
}

Status gates_of_sums(const Call& call) {
  const GatesOfSumsAttributes attrs(call);
  const Rows y(call.out[0]);
  const int count = call.inputs / 3;
  return for_float(call.out[0].dtype, [&](auto type) {
    using T = decltype(type);
    GatesArgs<T> args{};
    args.y = global<T>(call.out[0]);
    args.y_stride = y.stride;
    args.activation = static_cast<int>(attrs.activation);
    args.positions = static_cast<float>(attrs.positions);
    int first = 0, words = 0, width = 16 / static_cast<int>(sizeof(T));
    for (int i = 0; i < count; ++i) {
      const Tensor &sums = call.in[3 * i], &weight = call.in[3 * i + 1];
      const auto outs = static_cast<int>(weight.shape[0]), channels = static_cast<int>(weight.shape[1]);
      args.gates[i] = {global<const float>(sums),
                       global<const float>(call.in[3 * i + 2]),
                       global<const T>(weight),
                       sums.shape[1],
                       sums.shape[2],
                       attrs.first[i],
                       outs,
                       channels,
                       first};
      first += outs;
      words = max(words, SharedWords(channels, outs).all());
      width = min(width, widest_vector(weight, channels, width));
    }
    return for_width<T>(width, [&](auto v) {
      constexpr int kWidth = decltype(v)::value;
      const Grid grid{y.rows, count};
      return launch<gates_of_sums_kernel<T, kWidth>>(grid, kThreads, static_cast<size_t>(words) * sizeof(float),
                                                     call.stream, args);
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("gates_of_sums", gates_of_sums, no_workspace);

}  // namespace gates_of_sums_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
