#pragma once
// The convolution of depthwise.h with sums of the outputs over parts of each clip: kSumLines lines of a frame
// (ops/conv3d_sums.h).
//
// A block has one part and a range of channels. A thread keeps its V channels and processes tiles of the part; the sums
// of the threads with the same channels are added in order. The sums of a clip are therefore the same in every batch.
// Shared memory holds the weights, later 9 or 17 KB of sums that overwrite them.
#include "cuda/conv/depthwise.h"
#include "cuda/primitives/columns.h"
#include "ops/conv/conv3d_sums.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace depthwise_detail {

static_assert(kThreads == kColumnThreads, "a thread's channels are its column");

struct PartArguments {
  Global<float> sums;  // [clips, parts, C]
  Columns columns;     // vectors of channels
  FastDivmod bands, frames;
};

template <typename T, int V, int kKernel, int kStride>
__global__ void __launch_bounds__(kThreads, kBlocks<T, V, kKernel, kStride, true>)
    depthwise_sums_kernel(Arguments<T> p, PartArguments parts) {
  static_assert(kSumLines % kTileOutputs<V, kStride> == 0, "whole tiles");
  const int first_channel = static_cast<int>(blockIdx.y) * p.block_channels;
  const Shared<T> weights = load_weights(p, first_channel);
  sync_threads();
  const int thread = static_cast<int>(threadIdx.x), part = static_cast<int>(blockIdx.x);
  const int vector = thread % parts.columns.per_block, group = thread / parts.columns.per_block;
  int band;
  Place at;
  at.n = parts.frames.divide(parts.bands.divide(part, &band), &at.o2);
  at.c = first_channel + vector * V;
  float total[V] = {};
  if (group < parts.columns.groups && at.c < p.channels) {
    const int width = p.axis[1].out, tiles = width * (kSumLines / kTileOutputs<V, kStride>);
    for (int i = group; i < tiles; i += parts.columns.groups) {
      at.o0 = band * kSumLines + p.out1.divide(i, &at.o1) * kTileOutputs<V, kStride>;
      if (at.o0 >= p.axis[0].out) break;
      add_tile<true, T, V, kKernel, kStride>(p, weights.offset(static_cast<uint32_t>(vector * V)), at, total);
    }
  }
  sync_threads();  // the sums overwrite the weights
  const size_t row = static_cast<size_t>(part) * static_cast<size_t>(p.channels) + static_cast<size_t>(first_channel);
  ColumnSum<V>::run(parts.columns, total, [&](int c, float sum) {
    if (first_channel + c < p.channels) parts.sums.store(row + static_cast<size_t>(c), sum);
  });
}

template <typename T, int V, int kKernel, int kStride>
Status start_sums(const Arguments<T>& p, const PartArguments& parts, int64_t blocks, Stream stream) {
  const size_t weights = static_cast<size_t>(p.block_channels) * static_cast<size_t>(p.all_taps) * sizeof(T);
  return launch<depthwise_sums_kernel<T, V, kKernel, kStride>>(Grid{blocks, parts.columns.blocks}, kThreads,
                                                               max(weights, ColumnSum<V>::kBytes), stream, p, parts);
}

template <typename T, int V>
Status run_sums(const Call& call, Arguments<T> p) {
  const Tensor& sums = call.out[1];
  const int64_t most = static_cast<int64_t>(kWeightBytes / sizeof(T)) / p.all_taps / V;  // vectors per block
  if (most == 0) return {"conv3d_sums: a depthwise window of more than 1024 taps"};
  PartArguments parts{global<float>(sums), Columns(p.channels / V, min<int64_t>(most, kThreads)), {}, {}};
  p.block_channels = parts.columns.per_block * V;
  p.out1 = FastDivmod(p.axis[1].out);
  parts.bands = FastDivmod((p.axis[0].out + kSumLines - 1) / kSumLines);
  parts.frames = FastDivmod(p.axis[2].out);
  const int64_t blocks = sums.shape[0] * sums.shape[1];
  if constexpr (V > 1) {
    const Axis& along = p.axis[0];
    if (along.kernel == 3 && along.stride == 1) return start_sums<T, V, 3, 1>(p, parts, blocks, call.stream);
    if (along.kernel == 3 && along.stride == 2) return start_sums<T, V, 3, 2>(p, parts, blocks, call.stream);
  }
  return start_sums<T, V, 0, 0>(p, parts, blocks, call.stream);
}

}  // namespace depthwise_detail

// For windows with a height, and at least one output.
template <typename T>
Status depthwise_sums(const Call& call, const Conv3dArgs& a) {
  int vector;
  const auto p = depthwise_arguments<T>(call, a, &vector);
  return for_width<T, depthwise_detail::kMaxVector>(
      vector, [&](auto width) { return depthwise_detail::run_sums<T, decltype(width)::value>(call, p); });
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
