#pragma once
// Implicit GEMM, without an im2col buffer. Tiles of kTileRows output positions read the channels-last input through one
// pointer per tap. Weights are packed in panels (panels.h); outputs are written once, with bias, residual and
// activation. In bf16 the inputs of a block are rounded once into scratch memory, in pairs of channels; sums stay f32.
#include <algorithm>

#include "cpu/gemm/gemm_tile.h"
#include "cpu/gemm/panel_tile.h"
#include "cpu/gemm/panels.h"
#include "cpu/primitives/bf16.h"
#include "ops/conv/conv3d.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

constexpr int64_t kZeroFloats = 4096;  // the row of zeros that padding points to; more channels are refused
const float kZeros[kZeroFloats] = {};
constexpr int kMaxSplits = 8;
constexpr int64_t kBlockTiles = 8;  // tiles that reuse a weight panel while it is in the L2 cache

struct Geometry {
  int64_t N, T, H, W, C, oT, oH, oW, positions;
  int64_t sN, sT, sH, sW;  // element strides of the input

  explicit Geometry(const Call& call) {
    const Tensor &x = call.in[0], &y = call.out[0];
    N = x.shape[0], T = x.shape[1], H = x.shape[2], W = x.shape[3], C = x.shape[4];
    oT = y.shape[1], oH = y.shape[2], oW = y.shape[3];
    sN = x.strides[0], sT = x.strides[1], sH = x.strides[2], sW = x.strides[3];
    positions = N * oT * oH * oW;
  }
};

int64_t block_rows(const Geometry& g) {
  return min64(kBlockTiles, max64(1, ceil_div(g.positions, kTileRows))) * kTileRows;
}

// The rows that a tile reads: `taps` rows of `run` consecutive floats. With few channels the taps along W form one run.
struct Reading {
  int64_t taps, run;
  int64_t units;  // 32-bit words of a run in the product: floats, or pairs of bf16
  bool merged;

  Reading(const Conv3dArgs& a, const Geometry& g, bool bf16)
      : merged(a.groups == 1 && a.merges_width(g.C) && (bf16 || g.sW == g.C)) {
    taps = a.kernel[0] * a.kernel[1] * (merged ? 1 : a.kernel[2]);
    run = (merged ? a.kernel[2] : 1) * (g.C / a.groups);
    units = bf16 ? bf16_pairs(run) : run;
  }
  int64_t copied_floats() const { return merged ? kTileRows * taps * run : 0; }
};

// Copies the window of one output along W to a run. Needed if part of it is padding, or if the input is a channel
// slice.
void copy_run(const Geometry& g, const float* row, int64_t w, int64_t taps, float* out) {
  for (int64_t i = w; i < w + taps; ++i, out += g.C) {
    if (i >= 0 && i < g.W) {
      std::copy(row + i * g.sW, row + i * g.sW + g.C, out);
    } else {
      std::fill(out, out + g.C, 0.0f);
    }
  }
}

// An output position, in the order of the outputs.
struct Position {
  int64_t n, t, h, w;

  Position(const Geometry& g, int64_t index)
      : n(index / (g.oW * g.oH * g.oT)), t(index / (g.oW * g.oH) % g.oT), h(index / g.oW % g.oH), w(index % g.oW) {}
  // Moves to the next position. Returns whether a new line begins.
  bool next(const Geometry& g) {
    if (++w < g.oW) return false;
    w = 0;
    if (++h < g.oH) return true;
    h = 0;
    if (++t < g.oT) return true;
    t = 0, ++n;
    return true;
  }
};

int64_t window_lines(const Conv3dArgs& a) { return a.kernel[0] * a.kernel[1]; }

// The input lines of the window of an output line, at W = 0; null for a line in the padding.
void find_lines(const Conv3dArgs& a, const Geometry& g, const float* x, const Position& at, const float** lines) {
  const int64_t t0 = at.t * a.stride[0] - a.low[0], h0 = at.h * a.stride[1] - a.low[1];
  for (int64_t t = t0; t < t0 + a.kernel[0]; ++t) {
    for (int64_t h = h0; h < h0 + a.kernel[1]; ++h) {
      const bool inside = t >= 0 && t < g.T && h >= 0 && h < g.H;
      *lines++ = inside ? x + at.n * g.sN + t * g.sT + h * g.sH : nullptr;
    }
  }
}

// Computes the input pointers rows[tap][r] of a tile, from the position `at` on, where `left` positions are left. Rows
// past the end repeat the last. `lines` is scratch memory. If a tap is in the padding for every row, its first pointer
// is null and it is skipped: late layers have few frames, and a third of a temporal convolution would multiply zeros
// there.
void tile_rows(const Conv3dArgs& a, const Geometry& g, const Reading& reading, const float* x, int64_t left,
               Position& at, const float** lines, const float** rows, float* copies) {
  bool padded = false, new_line = true;
  for (int r = 0; r < kTileRows; ++r) {
    if (new_line) find_lines(a, g, x, at, lines);
    const int64_t w0 = at.w * a.stride[2] - a.low[2];
    const bool whole = w0 >= 0 && w0 + a.kernel[2] <= g.W && g.sW == g.C;
    const float** row = rows + r;
    for (int64_t i = 0; i < window_lines(a); ++i) {
      const float* line = lines[i];
      if (!reading.merged) {
        for (int64_t w = w0; w < w0 + a.kernel[2]; ++w, row += kTileRows) {
          const bool inside = line && w >= 0 && w < g.W;
          *row = inside ? line + w * g.sW : kZeros;
          padded = padded || !inside;
        }
        continue;
      }
      if (line && !whole) copy_run(g, line, w0, a.kernel[2], copies);
      *row = !line ? kZeros : whole ? line + w0 * g.C : copies;
      padded = padded || !line;
      row += kTileRows, copies += reading.run;
    }
    new_line = r + 1 < left && at.next(g);
  }
  for (int64_t tap = 0; padded && tap < reading.taps; ++tap, rows += kTileRows) {
    if (std::all_of(rows, rows + kTileRows, [](const float* row) { return row == kZeros; })) rows[0] = nullptr;
  }
}

template <bool kBf16>
size_t workspace(const Call& call, int threads) {
  const Conv3dArgs a(call);
  const Geometry g(call);
  const Reading reading(a, g, kBf16);
  size_t bytes = static_cast<size_t>(window_lines(a) + block_rows(g) * reading.taps) * sizeof(float*);
  bytes += static_cast<size_t>(block_rows(g) / kTileRows * reading.copied_floats()) * sizeof(float);
  if (call.inputs > 4 && call.in[4].rank) bytes += static_cast<size_t>(block_rows(g) * g.C) * sizeof(float);
  if (kBf16) bytes += static_cast<size_t>(block_rows(g) * reading.taps * reading.units) * sizeof(float);
  return (bytes + 63) / 64 * 64 * static_cast<size_t>(threads);
}

// One group, or all of an ungrouped convolution: `segments` consecutive column ranges with one output view each.
struct Group {
  const float *x, *weight, *bias, *residual;
  int64_t residual_stride;
  const Rows* out;
  const int64_t* columns;
  int64_t segments;
};

template <bool kBf16>
void convolve(const Call& call, const Conv3dArgs& a, const Geometry& g, const Group& group) {
  const float* scale = call.in[4].data ? call.in[4].f32() : nullptr;
  const Reading reading(a, g, kBf16);
  const int64_t taps = reading.taps, depth = taps * reading.units;
  const int64_t per_clip = g.oT * g.oH * g.oW;
  const int64_t rows_block = block_rows(g), blocks = ceil_div(g.positions, rows_block);
  int64_t panels = 0;
  for (int64_t s = 0; s < group.segments; ++s) panels += Panels{group.columns[s], depth}.count();
  // If there are few blocks (late layers), the panels are divided into chunks, so that every thread has work.
  const int64_t chunks = min64(panels, ceil_div(16, blocks));
  const size_t bytes_per_thread = workspace<kBf16>(call, 1);
  const bool streams = group.segments == 1 && a.groups == 1 && videoclip::VIDEOCLIP_ISA::streams(call.out[0]);

  call.pool->parallel_for(blocks * chunks, [&](int64_t task, int thread) {
    const int64_t first = task / chunks * rows_block, chunk = task % chunks;
    const int64_t tiles = ceil_div(min64(rows_block, g.positions - first), kTileRows);
    char* scratch = call.workspace + static_cast<size_t>(thread) * bytes_per_thread;
    const float** lines = reinterpret_cast<const float**>(scratch);
    const float** rows = lines + window_lines(a);
    float* copies = reinterpret_cast<float*>(rows + rows_block * taps);
    // Inputs: pointers to rows, scaled copies where the op has a scale.
    if (scale) {
      float* scaled = copies;
      for (int64_t r = 0; r < tiles * kTileRows; ++r) {
        const int64_t m = min64(first + r, g.positions - 1);
        const float* in = group.x + m * g.sW;  // 1x1x1: the positions of a channels-last view are sW apart
        const float* s = scale + m / per_clip * call.in[4].strides[0];
        for (int64_t c = 0; c < g.C; ++c) scaled[r * g.C + c] = in[c] * s[c];
        rows[r] = scaled + r * g.C;
      }
    } else {
      Position at(g, first);
      for (int64_t i = 0; i < tiles; ++i) {
        tile_rows(a, g, reading, group.x, g.positions - first - i * kTileRows, at, lines, rows + i * kTileRows * taps,
                  copies + i * reading.copied_floats());
      }
    }
    // Inputs in bf16: round each row once.
    if (kBf16) {
      float* rounded = copies + tiles * (scale ? kTileRows * g.C : reading.copied_floats());
      for (int64_t i = 0; i < tiles * taps; ++i) {
        if (!rows[i * kTileRows]) continue;
        for (int r = 0; r < kTileRows; ++r, rounded += reading.units) {
          round_run(rows[i * kTileRows + r], reading.run, rounded);
          rows[i * kTileRows + r] = rounded;
        }
      }
    }

    // Products: this task's panels of every segment, for all tiles of the block.
    int64_t index = 0, packed = 0, column = 0;
    for (int64_t s = 0; s < group.segments; ++s) {
      const Panels p{group.columns[s], depth};
      const Rows& y = group.out[s];
      for (int64_t i = 0; i < p.count(); ++i, ++index) {
        if (index * chunks / panels != chunk) continue;
        const float* bias = group.bias ? group.bias + column + p.first(i) : nullptr;
        for (int64_t t = 0; t < tiles; ++t) {
          const int64_t m = first + t * kTileRows;
          const int count = static_cast<int>(min64(kTileRows, g.positions - m));
          float* out = y.data + m * y.stride + p.first(i);
          const float* residual = group.residual ? group.residual + m * group.residual_stride + p.first(i) : nullptr;
          const float* const* tile = rows + t * kTileRows * taps;
          const float* weight = group.weight + packed + p.offset(i);
          if constexpr (kBf16) {
            const Epilogue e{bias, a.relu(), streams, p.used(i)};
            float* to[kTileRows];
            const float* add[kTileRows];
            for (int r = 0; r < count; ++r) {
              to[r] = out + r * y.stride;
              add[r] = residual ? residual + r * group.residual_stride : nullptr;
            }
            gemm_panel<true>(tile, taps, reading.units, weight, p.width(i), count, e, residual ? add : nullptr, to);
            activate_stored(a.activation, out, y.stride, count, p.used(i));
          } else {
            panel({tile, taps, reading.units, weight, p.width(i), p.used(i), bias, residual, out, group.residual_stride,
                   y.stride, count, a.activation, streams});
          }
        }
      }
      packed += p.size();
      column += group.columns[s];
    }
    if (streams) stream_end();
  });
}

// Runs the groups one after the other, with their bias, residual and outputs.
template <bool kBf16>
Status convolve_groups(const Call& call, const Conv3dArgs& a, const Geometry& g) {
  if (g.C / a.groups > kZeroFloats) return {"conv3d: more than 4096 input channels per group"};
  if (a.split.count > kMaxSplits) return {"conv3d: more than 8 outputs"};
  const float* bias = call.in[2].data ? call.in[2].f32() : nullptr;
  const Rows first(call.out[0]), residual(call.in[3].data ? call.in[3] : call.out[0]);
  Rows out[kMaxSplits] = {first, first, first, first, first, first, first, first};
  int64_t columns[kMaxSplits];
  for (int s = 0; s < a.split.count; ++s) {
    out[s] = Rows(call.out[s]);
    columns[s] = a.split[s] / a.groups;  // a grouped convolution has one output
  }
  for (int64_t i = 0; i < a.groups; ++i) {
    const int64_t shift = i * columns[0];
    const Reading reading(a, g, kBf16);
    const Panels panels{columns[0], reading.taps * reading.units};
    convolve<kBf16>(call, a, g,
                    Group{call.in[0].f32() + i * (g.C / a.groups), call.in[1].f32() + i * panels.size(),
                          bias ? bias + shift : nullptr, call.in[3].data ? residual.data + shift : nullptr,
                          residual.stride, out, columns, a.split.count});
    out[0].data += columns[0];
  }
  return {};
}

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
