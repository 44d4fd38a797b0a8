#pragma once
// Pointwise convolutions (1x1x1, one group, any stride): a matrix product whose rows are positions. Tiles read the
// channels-last input in place.
#include <algorithm>

#include "cpu/conv/implicit_gemm.h"
#include "cpu/conv/swish.h"
#include "cpu/gemm/panels.h"
#include "ops/conv/conv3d.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

template <typename T>
constexpr int64_t kMaxBlockRows = kBlockTiles<T> * kRowsOf<T>;

// The division into tasks. A task is a run of tiles; it processes the panels for one block of tiles after another. If
// there are few runs, a task has only one chunk of the panels. Runs are long, because threads that write to
// neighbouring rows wait for each other's cache lines.
struct PointwiseTasks {
  int64_t tiles, block, runs, chunks;

  PointwiseTasks(int64_t positions, int64_t tile_rows, int64_t block_tiles, int64_t panels, int64_t weight_floats,
                 int threads) {
    tiles = ceil_div(positions, tile_rows);
    // Weights that fit the L2 cache may be read for every block; others are read once per run.
    constexpr int64_t kNear = 128 << 10;
    const bool near = weight_floats <= kNear;
    block = near ? 2 : block_tiles;
    runs = near ? min64(tiles, 8 * threads) : ceil_div(tiles, block);
    chunks = min64(panels, ceil_div(near ? 2 * threads : 16, runs));
  }
  int64_t first_tile(int64_t run) const { return run * tiles / runs; }
};

bool is_pointwise(const Conv3dArgs& a) {
  bool plain = a.groups == 1;
  for (int i = 0; i < 3; ++i) plain = plain && a.kernel[i] == 1 && a.low[i] == 0 && a.high[i] == 0;
  return plain;
}

// The inputs of the output positions from `first` on. Positions past the end repeat the last.
template <typename T>
void pointwise_inputs(const Conv3dArgs& a, const Geometry& g, const T* x, int64_t first, int64_t count,
                      const T** rows) {
  if (a.stride[0] == 1 && a.stride[1] == 1 && a.stride[2] == 1) {
    // The positions of a channels-last view are sW apart, also from clip to clip.
    for (int64_t r = 0; r < count; ++r) rows[r] = x + min64(first + r, g.positions - 1) * g.sW;
    return;
  }
  Position at(g, first);
  for (int64_t r = 0; r < count; ++r) {
    rows[r] = x + at.n * g.sN + at.t * a.stride[0] * g.sT + at.h * a.stride[1] * g.sH + at.w * a.stride[2] * g.sW;
    if (first + r + 1 < g.positions) at.next(g);
  }
}

// Computes swish(scale x), or scale x, of `count` rows of C channels in `staged`, and points rows[r] there.
template <bool kSwishInputs, typename T>
void stage_inputs(const Tensor& scale, int64_t C, int64_t first, int64_t count, int64_t per_clip, const T** rows,
                  T* staged) {
  for (int64_t r = 0; r < count; ++r, staged += C) {
    const T* s = scale.data ? values<T>(scale) + (first + r) / per_clip * scale.strides[0] : nullptr;
    for (int64_t c = 0; c < C; c += kLanes) {
      Vec x = load_some(rows[r] + c, C - c);
      if (s) x *= load_some(s + c, C - c);
      store_some(staged + c, kSwishInputs ? swish(x) : x, C - c);
    }
    rows[r] = staged;
  }
}

template <bool kSwishInputs, typename T = float>
size_t pointwise_workspace(const Call& call, const Geometry& g, int threads) {
  const bool scaled = call.inputs > 4 && call.in[4].rank;
  int64_t values = kSwishInputs || scaled ? kMaxBlockRows<T> * g.C : 0;
  if (sizeof(T) == 2) values += kBlockTiles<T> * spaced_values(1, bf16_pairs(g.C));
  return static_cast<size_t>(values * threads) * sizeof(T);
}

// With kSwishInputs, the convolution of swish(scale x) instead of scale x. The channels of bf16 fill the pairs.
template <bool kSwishInputs, typename T = float, typename To = T>
Status pointwise(const Call& call, const Conv3dArgs& a, const Geometry& g) {
  constexpr int64_t kRows = kRowsOf<T>;
  const int64_t units = sizeof(T) == 2 ? g.C / 2 : g.C;
  if (a.split.count > kMaxSplits) return {"conv3d: more than 8 outputs"};
  const Tensor &bias = call.in[2], &residual = call.in[3], &scale = call.in[4];
  int64_t panels = 0, weight_floats = 0;
  for (int s = 0; s < a.split.count; ++s) {
    const Panels p{a.split[s], units};
    panels += p.count(), weight_floats += p.size();
  }
  const PointwiseTasks tasks(g.positions, kRows, kBlockTiles<T>, panels, weight_floats, call.pool->threads());
  const int64_t per_clip = g.oT * g.oH * g.oW;
  const size_t bytes_per_thread = pointwise_workspace<kSwishInputs, T>(call, g, 1);
  const bool streams = a.split.count == 1 && a.activation <= kRelu && videoclip::VIDEOCLIP_ISA::streams(call.out[0]);

  // One chunk of the panels for `tiles` tiles.
  const auto block = [&](int64_t first, int64_t tiles, int64_t chunk, T* staged) {
    const int64_t count = min64(tiles * kRows, g.positions - first);
    const T* rows[kMaxBlockRows<T>];
    pointwise_inputs(a, g, static_cast<const T*>(values<T>(call.in[0])), first, tiles * kRows, rows);
    if (kSwishInputs || scale.data) {
      stage_inputs<kSwishInputs>(scale, g.C, first, count, per_clip, rows, staged);
      std::fill(rows + count, rows + tiles * kRows, rows[count - 1]);
    }
    if constexpr (sizeof(T) == 2) {
      T* spaced = staged + (kSwishInputs || scale.data ? kMaxBlockRows<T> * g.C : 0);
      for (int64_t t = 0; t < tiles; ++t) space_rows(rows + t * kRows, 1, units, spaced + t * spaced_values(1, units));
    }
    const float* weight = call.in[1].f32();
    int64_t index = 0, column = 0;
    for (int s = 0; s < a.split.count; ++s) {
      const Panels p{a.split[s], units};
      const RowsOf<To> y(call.out[s]), add(residual.data ? residual : call.out[s]);
      for (int64_t i = 0; i < p.count(); ++i, ++index) {
        if (index * tasks.chunks / panels != chunk) continue;
        for (int64_t t = 0; t < tiles; ++t) {
          const int64_t m = first + t * kRows;
          panel(PanelTile<T, To>{rows + t * kRows, 1, units, weight + p.offset(i), p.width(i), p.used(i),
                                 bias.data ? bias.f32() + column + p.first(i) : nullptr,
                                 residual.data ? add.data + m * add.stride + p.first(i) : nullptr,
                                 y.data + m * y.stride + p.first(i), add.stride, y.stride,
                                 static_cast<int>(min64(kRows, g.positions - m)), a.activation, streams});
        }
      }
      weight += p.size();
      column += p.columns;
    }
  };
  call.pool->parallel_for(tasks.runs * tasks.chunks, [&](int64_t task, int thread) {
    const int64_t run = task / tasks.chunks, end = tasks.first_tile(run + 1);
    T* staged = reinterpret_cast<T*>(call.workspace + static_cast<size_t>(thread) * bytes_per_thread);
    const Bf16Scope scope(sizeof(T) == 2 ? units : 0);
    for (int64_t tile = tasks.first_tile(run); tile < end; tile += tasks.block) {
      block(tile * kRows, min64(tasks.block, end - tile), task % tasks.chunks, staged);
    }
    if (streams) stream_end();
  });
  return {};
}

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
