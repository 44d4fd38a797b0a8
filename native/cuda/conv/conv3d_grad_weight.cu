// dW[o,i,k] = sum over positions m of dy[m,o] x[n, t*st+kt-pt, h*sh+kh-ph, w*sw+kw-pw, i]
//
// x [N, T, H, W, Cin] and dy [N, T', H', W', Cout] are channels-last; either may be a channel slice. They are stored as
// f32, bf16 or f16. dW [Cout, Cin / groups, kT, kH, kW] and all sums are in f32.
//
// A first kernel computes a matrix product over the positions, divided into splits (gemm/windows_product.h). A second
// kernel adds the sums of the splits in order and moves the taps behind the channels. Depthwise: a block computes a
// chunk of positions of a range of channels for one tap and adds the sums of its threads in order (columns.h); a second
// kernel adds the chunks. The splits follow from the shapes alone. The workspace holds the sums of the splits, at most
// 64 MB.
//
// x and dy are read once for each tile that L2 does not serve. FLOPs: 2 N T' H' W' Cout taps Cin / groups. Bound by
// tensor cores, except for few channels; depthwise by L2 (each tap reads x and dy again).
#include "cuda/gemm/windows.h"
#include "cuda/gemm/windows_product.h"
#include "cuda/primitives/columns.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/vector_access.h"
#include "ops/conv/conv3d_grad_weight.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace conv3d_grad_weight_op {

constexpr int kAddThreads = 256;
constexpr int64_t kMaxSums = 16 << 20;  // floats of all splits
constexpr int64_t kMinSteps = 16;       // per split: 512 positions
constexpr int64_t kBlocks = 512;        // wanted; about four per SM of a large device
constexpr int64_t kMaxSplits = 256;

struct PositionSplits {
  int64_t positions, outputs, unit, columns, tiles_m, tiles_n, steps, count;

  PositionSplits(const Call& call, const Conv3dGradWeightArgs& a) {
    const Tensor &x = call.in[0], &dy = call.in[1];
    using Tile = gemm::ProductTile;
    outputs = dy.shape[4] / a.groups, unit = x.shape[4] / a.groups, columns = unit * a.taps();
    positions = dy.shape[0] * dy.shape[1] * dy.shape[2] * dy.shape[3];
    tiles_m = (outputs + Tile::kM - 1) / Tile::kM, tiles_n = (columns + Tile::kN - 1) / Tile::kN;
    const int64_t all = (positions + Tile::kDepth - 1) / Tile::kDepth, size = dy.shape[4] * columns;
    int64_t wanted = (kBlocks + tiles_m * tiles_n * a.groups - 1) / max<int64_t>(1, tiles_m * tiles_n * a.groups);
    wanted = min(min(wanted, kMaxSplits), min(all / kMinSteps, kMaxSums / max<int64_t>(1, size)));
    wanted = max<int64_t>(1, wanted);
    steps = max<int64_t>(1, (all + wanted - 1) / wanted);
    count = max<int64_t>(1, (all + steps - 1) / steps);
  }
};

struct AddArgs {
  Global<float> out;
  Global<const float> partial;  // [splits][outputs][taps][channels]
  FastDivmod channels, taps;
  int splits, count, unit, all_taps;
};

__global__ void __launch_bounds__(kAddThreads) add_splits_kernel(AddArgs a) {
  const int at = static_cast<int>(blockIdx.x) * kAddThreads + static_cast<int>(threadIdx.x);
  if (at >= a.count) return;
  float sum = 0;
  for (int s = 0; s < a.splits; ++s) {
    sum += a.partial.load(static_cast<size_t>(s) * static_cast<size_t>(a.count) + static_cast<size_t>(at));
  }
  int c, tap;
  const int o = a.taps.divide(a.channels.divide(at, &c), &tap);
  a.out.store(static_cast<size_t>((o * a.unit + c) * a.all_taps + tap), sum);
}

// Adds the splits: [splits][outputs][taps][unit] to [outputs][unit][taps].
Status add_splits(const Call& call, const Conv3dGradWeightArgs& a, Global<const float> partial, int64_t splits,
                  int64_t unit) {
  const int64_t count = call.out[0].elements();
  const AddArgs args{global<float>(call.out[0]),
                     partial,
                     FastDivmod(max<int64_t>(1, unit)),
                     FastDivmod(a.taps()),
                     static_cast<int>(splits),
                     static_cast<int>(count),
                     static_cast<int>(unit),
                     static_cast<int>(a.taps())};
  const Grid grid{(count + kAddThreads - 1) / kAddThreads};
  return launch<add_splits_kernel>(grid, kAddThreads, 0, call.stream, args);
}

template <typename T>
Status product(const Call& call, const Conv3dGradWeightArgs& a) {
  const Tensor &x = call.in[0], &dy = call.in[1];
  const PositionSplits s(call, a);
  if (a.kernel[0] + a.kernel[1] + a.kernel[2] > gemm::kWindowBits) {
    return {"conv3d_grad_weight: a window of more than 63 taps along its three axes together"};
  }
  const auto partial =
      Global<float>(reinterpret_cast<float*>(call.workspace), static_cast<size_t>(s.count * dy.shape[4] * s.columns));
  gemm::ProductArguments<T> p = {};
  p.dy = {global<const T>(dy), dy.strides[3], static_cast<int>(s.positions), static_cast<int>(s.outputs)};
  p.x = gemm::windows_of<gemm::Windows<T>>(x, dy, a, static_cast<int>(s.positions), static_cast<int>(s.columns));
  p.partial = partial;
  p.outputs = static_cast<int>(s.outputs), p.columns = static_cast<int>(s.columns);
  p.groups = static_cast<int>(a.groups), p.group_channels = static_cast<int>(s.unit);
  p.tiles_m = static_cast<int>(s.tiles_m), p.tiles_n = static_cast<int>(s.tiles_n);
  p.splits = static_cast<int>(s.count), p.split_steps = static_cast<int>(s.steps);
  const Grid grid{s.tiles_m * s.tiles_n, a.groups, s.count};
  constexpr int kMaxVector = 16 / static_cast<int>(sizeof(T));
  const int vector = min(widest_vector(x, s.unit, kMaxVector), widest_vector(dy, s.outputs, kMaxVector));
  constexpr int kThreads = gemm::ProductTile::kThreads;
  constexpr size_t kShared = gemm::kProductShared<T>;
  const Status status =
      vector == kMaxVector
          ? launch<gemm::windows_product_kernel<T, kMaxVector>>(grid, kThreads, kShared, call.stream, p)
          : launch<gemm::windows_product_kernel<T, 1>>(grid, kThreads, kShared, call.stream, p);
  if (!status) return status;
  return add_splits(call, a, partial, s.count, s.unit);
}

template <typename T>
struct DepthwiseArgs {
  Global<float> partial;  // [chunks][C][taps]
  Global<const T> x, dy;
  int64_t x_stride[4], dy_stride;
  int size[3], kernel[3], step[3], low[3];
  FastDivmod taps_w, taps_h, out_w, out_h, out_t;
  int rows, per_chunk, channels, taps;
  Columns columns = Columns(0);
};

template <typename T, int V>
__global__ void __launch_bounds__(kColumnThreads) depthwise_grad_weight_kernel(DepthwiseArgs<T> a) {
  const int thread = static_cast<int>(threadIdx.x), group = thread / a.columns.per_block;
  const int first_column = static_cast<int>(blockIdx.y) * a.columns.per_block;
  const int column = first_column + thread % a.columns.per_block, tap = static_cast<int>(blockIdx.z);
  const int begin = static_cast<int>(blockIdx.x) * a.per_chunk, end = min(begin + a.per_chunk, a.rows);
  // Decode the tap of the block.
  int k[3];
  k[0] = a.taps_h.divide(a.taps_w.divide(tap, &k[2]), &k[1]);
  float sum[V] = {};
  // Sum the products of this thread's rows.
  if (group < a.columns.groups && column < a.columns.count) {
    const auto c = static_cast<size_t>(column) * V;
    for (int row = begin + group; row < end; row += a.columns.groups) {
      int at[3];
      const int n = a.out_t.divide(a.out_h.divide(a.out_w.divide(row, &at[2]), &at[1]), &at[0]);
      int64_t from = n * a.x_stride[0];
      bool inside = true;
#pragma unroll
      for (int i = 0; i < 3; ++i) {
        const int p = at[i] * a.step[i] + k[i] - a.low[i];
        inside = inside && p >= 0 && p < a.size[i];
        from += p * a.x_stride[1 + i];
      }
      if (!inside) continue;
      float x[V], dy[V];
      load_values(a.x, static_cast<size_t>(from) + c, x);
      load_values(a.dy, static_cast<size_t>(row) * static_cast<size_t>(a.dy_stride) + c, dy);
#pragma unroll
      for (int i = 0; i < V; ++i) sum[i] = fma(x[i], dy[i], sum[i]);
    }
  }
  // Add the sums of the block's threads.
  ColumnSum<V>::run(a.columns, sum, [&](int i, float total) {
    const int c = first_column * V + i;
    if (c >= a.channels) return;
    const size_t chunk = size_t{blockIdx.x} * static_cast<size_t>(a.channels) + static_cast<size_t>(c);
    a.partial.store(chunk * static_cast<size_t>(a.taps) + static_cast<size_t>(tap), total);
  });
}

bool is_depthwise(const Call& call, const Conv3dGradWeightArgs& a) {
  return a.groups > 1 && a.groups == call.in[0].shape[4] && a.groups == call.in[1].shape[4];
}

// The chunks of positions of a depthwise convolution. They are the same for every vector width.
struct DepthwiseChunks {
  int64_t rows, per_chunk, count;

  explicit DepthwiseChunks(const Call& call) {
    const Tensor& dy = call.in[1];
    rows = dy.shape[0] * dy.shape[1] * dy.shape[2] * dy.shape[3];
    per_chunk = max<int64_t>(512, (rows + 63) / 64);
    count = max<int64_t>(1, (rows + per_chunk - 1) / per_chunk);
  }
};

template <typename T>
Status depthwise(const Call& call, const Conv3dGradWeightArgs& a) {
  const Tensor &x = call.in[0], &dy = call.in[1];
  const DepthwiseChunks chunks(call);
  const auto partial = Global<float>(reinterpret_cast<float*>(call.workspace),
                                     static_cast<size_t>(chunks.count * dy.shape[4] * a.taps()));
  DepthwiseArgs<T> p = {};
  p.partial = partial;
  p.x = global<const T>(x);
  p.dy = global<const T>(dy);
  for (int i = 0; i < 4; ++i) p.x_stride[i] = x.strides[i];
  p.dy_stride = dy.strides[3];
  for (int i = 0; i < 3; ++i) {
    p.size[i] = static_cast<int>(x.shape[1 + i]);
    p.kernel[i] = static_cast<int>(a.kernel[i]);
    p.step[i] = static_cast<int>(a.stride[i]);
    p.low[i] = static_cast<int>(a.low[i]);
  }
  p.taps_w = FastDivmod(a.kernel[2]), p.taps_h = FastDivmod(a.kernel[1]);
  p.out_w = FastDivmod(dy.shape[3]), p.out_h = FastDivmod(dy.shape[2]), p.out_t = FastDivmod(dy.shape[1]);
  p.rows = static_cast<int>(chunks.rows), p.per_chunk = static_cast<int>(chunks.per_chunk);
  p.channels = static_cast<int>(dy.shape[4]), p.taps = static_cast<int>(a.taps());
  if (a.taps() > 65535) return {"conv3d_grad_weight: a depthwise window of more than 65535 taps"};
  const int width = widest_vector(x, p.channels, widest_vector(dy, p.channels, 8));
  const Status status = for_width<T>(width, [&](auto width) -> Status {
    p.columns = Columns(p.channels / width);
    const Grid grid{chunks.count, p.columns.blocks, p.taps};
    return launch<depthwise_grad_weight_kernel<T, width>>(grid, kColumnThreads, ColumnSum<width>::kBytes, call.stream,
                                                          p);
  });
  if (!status) return status;
  return add_splits(call, a, partial, chunks.count, 1);
}

size_t workspace(const Call& call, int) {
  const Conv3dGradWeightArgs a(call);
  const int64_t size = call.out[0].elements();
  const int64_t splits = is_depthwise(call, a) ? DepthwiseChunks(call).count : PositionSplits(call, a).count;
  return static_cast<size_t>(splits * size) * sizeof(float);
}

Status conv3d_grad_weight(const Call& call) {
  const Conv3dGradWeightArgs a(call);
  const Tensor& dy = call.in[1];
  if (call.out[0].elements() == 0) return {};
  if (dy.shape[0] * dy.shape[1] * dy.shape[2] * dy.shape[3] > 0x7fffffff - 1024 ||
      call.out[0].elements() > 0x7fffffff - 1024) {
    return {"conv3d_grad_weight: more than 2^31 - 1 positions or weights"};
  }
  return for_float(dy.dtype, [&](auto type) {
    using T = decltype(type);
    return is_depthwise(call, a) ? depthwise<T>(call, a) : product<T>(call, a);
  });
}

VIDEOCLIP_CUDA_KERNEL("conv3d_grad_weight", conv3d_grad_weight, workspace);

}  // namespace conv3d_grad_weight_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
