#pragma once
// Implicit GEMM, without an im2col buffer. Tiles of output positions read the channels-last input through one pointer
// per tap. Weights are packed in panels (panels.h); outputs are written once, with bias, residual and activation. bf16
// is multiplied in pairs of channels, with sums in f32; runs that do not fill the pairs are copied, with zeros behind
// them.
#include <algorithm>
#include <atomic>

#include "cpu/conv/geometry.h"
#include "cpu/gemm/panel_tile.h"
#include "cpu/gemm/panels.h"
#include "ops/conv/conv3d.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

constexpr int64_t kZeroFloats = 4096;  // the row of zeros that padding points to; more channels are refused
const float kZeros[kZeroFloats] = {};
constexpr int kMaxSplits = 8;
// Tiles that reuse a weight panel while it is in the L2 cache.
template <typename T>
constexpr int64_t kBlockTiles = kRowsOf<T> > 16 ? 4 : 8;

// The rows that a tile reads: `taps` rows of `run` consecutive values of type T. With few channels the taps along W
// form one run.
template <typename T>
struct Reading {
  int64_t taps, run;
  int64_t units;  // of a run in the product: values of f32, or pairs of bf16
  bool merged;
  bool copies;                  // runs do not fill the pairs, so they are copied
  const T* in_place = nullptr;  // runs that end before this are not copied: see read_in_place

  Reading(const Conv3dArgs& a, const Geometry& g) {
    constexpr bool kPairs = sizeof(T) == 2;
    merged = a.groups == 1 && a.merges_width(g.C) && (kPairs || g.sW == g.C);
    taps = a.kernel[0] * a.kernel[1] * (merged ? 1 : a.kernel[2]);
    run = (merged ? a.kernel[2] : 1) * (g.C / a.groups);
    units = kPairs ? bf16_pairs(run) : run;
    copies = kPairs && run != 2 * units;
  }
  int64_t padded() const { return copies ? 2 * units : run; }
  // Values that `space_rows` takes for a tile.
  int64_t spaced() const { return sizeof(T) == 2 ? spaced_values(taps, units) : 0; }
  // Values that the copies of one tile may take.
  int64_t copied() const { return merged || copies ? kRowsOf<T> * taps * padded() : 0; }
};

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

// The tiles of the outputs, and their division into blocks. Tiles are consecutive positions; those of a temporal
// convolution with large frames are in one frame, and a block has the same positions of consecutive frames, whose
// windows share most of their inputs.
template <typename T>
struct Tiles {
  static constexpr int64_t kRows = kRowsOf<T>;
  int64_t positions, frame = 0, frames = 0;  // positions of a frame and frames of a clip, if tiles are in one frame
  int64_t count, block;                      // tiles in all, and of a block

  Tiles(const Conv3dArgs& a, const Geometry& g) : positions(g.positions) {
    constexpr int64_t kLargeFrame = 64 << 10;  // bytes: smaller frames stay in the L2 cache anyhow
    const bool temporal = a.kernel[0] > 1 && a.kernel[1] == 1 && a.kernel[2] == 1;
    const int64_t size = g.oH * g.oW;
    if (temporal && g.oT > 1 && size * g.C * static_cast<int64_t>(sizeof(T)) >= kLargeFrame) {
      frame = size, frames = g.oT;
      count = g.N * frames * ceil_div(frame, kRows);
      block = min64(frames, 2 * kBlockTiles<T>);
    } else {
      count = ceil_div(positions, kRows);
      block = max64(1, min64(kBlockTiles<T>, count));
    }
  }
  int64_t blocks() const { return ceil_div(count, block); }

  struct Range {
    int64_t first, count;
  };
  Range range(int64_t tile) const {
    if (!frame) return {tile * kRows, min64(kRows, positions - tile * kRows)};
    const int64_t t = tile % frames, columns = ceil_div(frame, kRows), column = tile / frames % columns * kRows;
    const int64_t n = tile / (frames * columns);
    return {(n * frames + t) * frame + column, min64(kRows, frame - column)};
  }
};

inline int64_t window_lines(const Conv3dArgs& a) { return a.kernel[0] * a.kernel[1]; }

// The input lines of the window of an output line, at W = 0; null for a line in the padding.
template <typename T>
void find_lines(const Conv3dArgs& a, const Geometry& g, const T* x, const Position& at, const T** lines) {
  const int64_t t0 = at.t * a.stride[0] - a.low[0], h0 = at.h * a.stride[1] - a.low[1];
  for (int64_t t = t0; t < t0 + a.kernel[0]; ++t) {
    for (int64_t h = h0; h < h0 + a.kernel[1]; ++h) {
      const bool inside = t >= 0 && t < g.T && h >= 0 && h < g.H;
      *lines++ = inside ? x + at.n * g.sN + t * g.sT + h * g.sH : nullptr;
    }
  }
}

// Copies the window of one output along W to a run, with zeros in the padding.
template <typename T>
void copy_run(const Geometry& g, const T* row, int64_t w, int64_t taps, T* out) {
  for (int64_t i = w; i < w + taps; ++i, out += g.C) {
    if (i >= 0 && i < g.W) {
      std::copy(row + i * g.sW, row + i * g.sW + g.C, out);
    } else {
      std::fill(out, out + g.C, T{});
    }
  }
}

// Computes the input pointers rows[tap][r] of a tile of `count` positions from `at` on. Rows past the end repeat the
// last. `lines` is scratch memory. If a tap is in the padding for every row, its first pointer is null and it is
// skipped: late layers have few frames, and a third of a temporal convolution would multiply zeros there.
template <typename T>
void tile_rows(const Conv3dArgs& a, const Geometry& g, const Reading<T>& reading, const T* x, int64_t count,
               Position at, const T** lines, const T** rows, T* copies) {
  constexpr int kRows = kRowsOf<T>;
  const T* zeros = reinterpret_cast<const T*>(kZeros);
  bool padding = false, new_line = true;
  for (int r = 0; r < kRows; ++r) {
    if (new_line) find_lines(a, g, x, at, lines);
    const int64_t w0 = at.w * a.stride[2] - a.low[2];
    const bool whole = w0 >= 0 && w0 + a.kernel[2] <= g.W && g.sW == g.C;
    const T** row = rows + r;
    const auto place = [&](const T* from) {
      if (!reading.copies || from + reading.padded() <= reading.in_place) return from;
      copy_padded(from, reading.run, copies, reading.padded());
      copies += reading.padded();
      return static_cast<const T*>(copies - reading.padded());
    };
    for (int64_t i = 0; i < window_lines(a); ++i) {
      const T* line = lines[i];
      if (!reading.merged) {
        for (int64_t w = w0; w < w0 + a.kernel[2]; ++w, row += kRows) {
          const bool inside = line && w >= 0 && w < g.W;
          *row = inside ? place(line + w * g.sW) : zeros;
          padding = padding || !inside;
        }
        continue;
      }
      if (!line) {
        *row = zeros;
      } else if (whole) {
        *row = place(line + w0 * g.C);
      } else {
        copy_run(g, line, w0, a.kernel[2], copies);
        std::fill(copies + reading.run, copies + reading.padded(), T{});
        *row = copies;
        copies += reading.padded();
      }
      padding = padding || !line;
      row += kRows;
    }
    new_line = r + 1 < count && at.next(g);
  }
  for (int64_t tap = 0; padding && tap < reading.taps; ++tap, rows += kRows) {
    if (std::all_of(rows, rows + kRows, [zeros](const T* row) { return row == zeros; })) rows[0] = nullptr;
  }
}

template <typename T>
size_t workspace(const Call& call, int threads) {
  const Conv3dArgs a(call);
  const Geometry g(call);
  const Reading<T> reading(a, g);
  const Tiles<T> tiles(a, g);
  const bool scaled = call.inputs > 4 && call.in[4].rank;
  size_t bytes = static_cast<size_t>(window_lines(a) + tiles.block * kRowsOf<T> * reading.taps) * sizeof(T*);
  const int64_t copied = scaled ? kRowsOf<T> * reading.padded() : reading.copied();
  bytes += static_cast<size_t>(tiles.block * (copied + reading.spaced())) * sizeof(T);
  return (bytes + 63) / 64 * 64 * static_cast<size_t>(threads);
}

// Points rows[r] at scale x of the positions of a tile, rounded to T.
template <typename T>
void scaled_rows(const Geometry& g, const T* x, const Tensor& scale, int64_t first, int64_t count, int64_t padded,
                 T* copies, const T** rows) {
  const int64_t per_clip = g.oT * g.oH * g.oW;
  for (int64_t r = 0; r < kRowsOf<T>; ++r, copies += padded) {
    const int64_t m = first + min64(r, count - 1);
    const T* in = x + m * g.sW;  // 1x1x1: the positions of a channels-last view are sW apart
    const T* s = values<T>(scale) + m / per_clip * scale.strides[0];
    for (int64_t c = 0; c < g.C; c += kLanes) {
      store_some(copies + c, load_some(in + c, g.C - c) * load_some(s + c, g.C - c), g.C - c);
    }
    std::fill(copies + g.C, copies + padded, T{});
    rows[r] = copies;
  }
}

// Whether all of n values are finite.
inline bool all_finite(const Call& call, const Bf16* x, int64_t n) {
  constexpr int64_t kStep = 1 << 16;
  std::atomic<bool> finite{true};
  call.pool->parallel_for(ceil_div(n, kStep), [&](int64_t task, int) {
    uint16_t bad = 0;
    for (int64_t i = task * kStep; i < min64(n, (task + 1) * kStep); ++i) bad |= (x[i].bits & 0x7f80) == 0x7f80;
    if (bad) finite.store(false, std::memory_order_relaxed);
  });
  return finite.load(std::memory_order_relaxed);
}

// The values that follow a run, up to the pairs that it is padded to, have weights of zero. Unless one is not finite,
// they need not be zero themselves, and the run is read in place if they are in the tensor. Gives the end of the
// tensor, or null if runs must be copied.
template <typename T>
const T* read_in_place(const Call& call, const Geometry& g, const Reading<T>& reading) {
  if constexpr (sizeof(T) == 2) {
    const bool dense = g.sW == g.C && g.sH == g.W * g.sW && g.sT == g.H * g.sH && g.sN == g.T * g.sT;
    const Bf16* x = values<Bf16>(call.in[0]);
    const int64_t n = g.N * g.sN;
    if (reading.copies && reading.merged && dense && all_finite(call, x, n)) return x + n;
  }
  return nullptr;
}

// One group, or all of an ungrouped convolution: `segments` consecutive column ranges with one output view each.
template <typename T, typename To>
struct Group {
  const T* x;
  const float *weight, *bias;
  const To* residual;
  int64_t residual_stride;
  const RowsOf<To>* out;
  const int64_t* columns;
  int64_t segments;
};

template <typename T, typename To>
void convolve(const Call& call, const Conv3dArgs& a, const Geometry& g, const Group<T, To>& group) {
  const Tensor& scale = call.in[4];
  Reading<T> reading(a, g);
  reading.in_place = read_in_place(call, g, reading);
  const Tiles<T> tiles(a, g);
  const int64_t depth = reading.taps * reading.units, tile_pointers = kRowsOf<T> * reading.taps;
  int64_t panels = 0;
  for (int64_t s = 0; s < group.segments; ++s) panels += Panels{group.columns[s], depth}.count();
  // If there are few blocks (late layers), the panels are divided into chunks, so that every thread has work.
  const int64_t chunks = min64(panels, ceil_div(16, tiles.blocks()));
  const size_t bytes_per_thread = workspace<T>(call, 1);
  const bool streams = group.segments == 1 && a.groups == 1 && videoclip::VIDEOCLIP_ISA::streams(call.out[0]);

  call.pool->parallel_for(tiles.blocks() * chunks, [&](int64_t task, int thread) {
    const int64_t first_tile = task / chunks * tiles.block, chunk = task % chunks;
    const int64_t count = min64(tiles.block, tiles.count - first_tile);
    char* scratch = call.workspace + static_cast<size_t>(thread) * bytes_per_thread;
    const T** lines = reinterpret_cast<const T**>(scratch);
    const T** rows = lines + window_lines(a);
    T* copies = reinterpret_cast<T*>(rows + tiles.block * tile_pointers);
    T* spaced = copies + tiles.block * (scale.data ? kRowsOf<T> * reading.padded() : reading.copied());
    const Bf16Scope scope(sizeof(T) == 2 ? reading.units : 0);
    for (int64_t i = 0; i < count; ++i) {
      const auto [first, positions] = tiles.range(first_tile + i);
      const T** tile = rows + i * tile_pointers;
      if (scale.data) {
        scaled_rows(g, group.x, scale, first, positions, reading.padded(), copies + i * kRowsOf<T> * reading.padded(),
                    tile);
      } else {
        tile_rows(a, g, reading, group.x, positions, Position(g, first), lines, tile, copies + i * reading.copied());
      }
      if constexpr (sizeof(T) == 2) space_rows(tile, reading.taps, reading.units, spaced + i * reading.spaced());
    }
    // Products: this task's panels of every segment, for all tiles of the block.
    int64_t index = 0, packed = 0, column = 0;
    for (int64_t s = 0; s < group.segments; ++s) {
      const Panels p{group.columns[s], depth};
      const RowsOf<To>& y = group.out[s];
      for (int64_t i = 0; i < p.count(); ++i, ++index) {
        if (index * chunks / panels != chunk) continue;
        for (int64_t t = 0; t < count; ++t) {
          const auto [m, positions] = tiles.range(first_tile + t);
          panel(PanelTile<T, To>{rows + t * tile_pointers, reading.taps, reading.units,
                                 group.weight + packed + p.offset(i), p.width(i), p.used(i),
                                 group.bias ? group.bias + column + p.first(i) : nullptr,
                                 group.residual ? group.residual + m * group.residual_stride + p.first(i) : nullptr,
                                 y.data + m * y.stride + p.first(i), group.residual_stride, y.stride,
                                 static_cast<int>(positions), a.activation, streams});
        }
      }
      packed += p.size();
      column += group.columns[s];
    }
    if (streams) stream_end();
  });
}

// Runs the groups one after the other, with their bias, residual and outputs.
template <typename T, typename To = T>
Status convolve_groups(const Call& call, const Conv3dArgs& a, const Geometry& g) {
  bool pads = false;
  for (int i = 0; i < 3; ++i) pads = pads || a.low[i] || a.high[i];
  if (pads && g.C / a.groups > kZeroFloats) return {"conv3d: more than 4096 input channels per group, with padding"};
  if (a.split.count > kMaxSplits) return {"conv3d: more than 8 outputs"};
  const float* bias = call.in[2].data ? call.in[2].f32() : nullptr;
  const RowsOf<To> first(call.out[0]), residual(call.in[3].data ? call.in[3] : call.out[0]);
  RowsOf<To> out[kMaxSplits] = {first, first, first, first, first, first, first, first};
  int64_t columns[kMaxSplits];
  for (int s = 0; s < a.split.count; ++s) {
    out[s] = RowsOf<To>(call.out[s]);
    columns[s] = a.split[s] / a.groups;  // a grouped convolution has one output
  }
  const Reading<T> reading(a, g);
  const Panels panels{columns[0], reading.taps * reading.units};
  for (int64_t i = 0; i < a.groups; ++i) {
    const int64_t shift = i * columns[0];
    convolve<T, To>(call, a, g,
                    Group<T, To>{values<T>(call.in[0]) + i * (g.C / a.groups), call.in[1].f32() + i * panels.size(),
                                 bias ? bias + shift : nullptr, call.in[3].data ? residual.data + shift : nullptr,
                                 residual.stride, out, columns, a.split.count});
    out[0].data += columns[0];
  }
  return {};
}

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
