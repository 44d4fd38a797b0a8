// The columns (rows of b) are processed in chunks, which are packed twice: as the columns of the product that gives
// scores, and as the panels of the product that gives da. Within a chunk, rows are processed in blocks. Every panel of
// columns first gets its scores, which g overwrites, [panel][row][kPanel]; then the block of g contributes to db and to
// da. A row of g is read as taps of kPanel columns, and a panel of g as a panel. These are separate passes, so that
// each of them has the rows of a, their transpose, or some columns of g in the L2 cache. Both sums are accumulated
// chunk by chunk and block by block, in an order that follows from the shape. The scores are recomputed and never
// stored as a whole.
#include "ops/loss/contrastive_grad.h"

#include <algorithm>
#include <cmath>

#include "cpu/gemm/gemm_tile.h"
#include "cpu/gemm/panels.h"
#include "cpu/gemm/transpose_panel.h"
#include "cpu/primitives/lanes.h"
#include "cpu/primitives/vector_math.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

constexpr int64_t kTiles = 252 / kTileRows, kBlock = kTiles * kTileRows;  // rows per block
constexpr int64_t kPackedFloats = 4 << 20;                                // size of each packed form: 16 MB
constexpr int64_t kTaps = 512 / kPanel;  // panels of g per product for da: half a megabyte
constexpr float kSpread = 60;

struct Shape {
  int64_t count, depth, chunk, panels, padded_depth;  // chunk: columns per chunk; panels: of a chunk
  float scale;

  explicit Shape(const Call& call)
      : count(call.in[0].shape[0]),
        depth(call.in[0].shape[1]),
        padded_depth(ceil_div(depth, kTileRows) * kTileRows),
        scale(static_cast<float>(ContrastiveGradAttributes(call).scale)) {
    panels = max64(1, min64(kPackedFloats / max64(1, depth) / kPanel, ceil_div(count, kPanel)));
    chunk = panels * kPanel;
  }
};

struct Scratch {
  int64_t columns, rows, g, turned, threads, per_thread;  // offsets in floats; per_thread: floats of one thread

  explicit Scratch(const Shape& s) {
    int64_t at = 0;
    const auto take = [&](int64_t floats) {
      const int64_t first = at;
      at += ceil_div(floats, 16) * 16;
      return first;
    };
    columns = take(s.chunk * s.depth);
    rows = take(Panels{s.depth, s.chunk}.size());
    g = take(s.panels * kBlock * kPanel);
    turned = take(s.depth * kBlock);
    threads = at;
    per_thread = ceil_div(s.padded_depth * kPanel, 16) * 16;
  }
};

size_t workspace(const Call& call, int threads) {
  const Scratch at{Shape(call)};
  return static_cast<size_t>(at.threads + threads * at.per_thread) * sizeof(float);
}

struct Vectors {
  const float *rows, *columns, *own, *own_columns, *u, *w, *v, *z;
  const int32_t* group;

  explicit Vectors(const Call& call)
      : rows(call.in[3].f32()),
        columns(call.in[4].f32()),
        own(call.in[5].f32()),
        own_columns(call.in[6].f32()),
        u(call.in[7].f32()),
        w(call.in[8].f32()),
        v(call.in[9].f32()),
        z(call.in[10].f32()),
        group(call.in[2] ? call.in[2].i32() : nullptr) {}
};

// Replaces dot products [rows][kPanel] by scale g. If the log-sum-exps of the panel are close together, one exponential
// relative to the lowest of them serves both directions, because no score exceeds either of its log-sum-exps.
void differentiate(const Shape& s, const Vectors& x, int64_t row, int64_t rows, int64_t column, float* g) {
  const int64_t columns = min64(kPanel, s.count - column);
  float low = x.columns[column], high = low;
  const auto extend = [&](float value) {
    low = value < low ? value : low;
    high = value > high ? value : high;
  };
  for (int64_t c = 1; c < columns; ++c) extend(x.columns[column + c]);
  for (int64_t r = 0; r < rows; ++r) extend(x.rows[row + r]);
  const bool shared = high - low <= kSpread;
  alignas(64) float factors[kBlock + kLanes];  // the factor u exp(low - R) of each row
  for (int64_t r = 0; shared && r < rows; r += kLanes) {
    const int64_t n = rows - r;
    store(factors + r, load_some(x.u + row + r, n) * exp(splat(low) - load_some(x.rows + row + r, n)));
  }
  for (int64_t c = 0; c < kPanel; c += kLanes) {
    const int64_t used = max64(0, columns - c);
    const Vec ends = load_some(x.columns + column + min64(c, columns), used),
              w = load_some(x.w + column + min64(c, columns), used);
    Vec factor = w * exp(splat(low) - ends);
    if (used < kLanes) factor = first_lanes(factor, used);
    for (int64_t r = 0; r < rows; ++r) {
      float* at = g + r * kPanel + c;
      const Vec score = load(at) * splat(s.scale);
      const float end = x.rows[row + r], u = x.u[row + r];
      Vec d;
      if (shared) {
        d = exp(score - splat(low)) * (splat(factors[r]) + factor);
      } else {
        d = splat(u) * exp(score - splat(end)) + w * exp(score - ends);
      }
      d *= splat(s.scale);
      store(at, used < kLanes ? first_lanes(d, used) : d);
    }
  }
}

// Adds the terms of positives to g. Their scores are computed again, since g has overwritten them.
void add_positives(const Shape& s, const Vectors& x, const Rows& a, const Rows& b, int64_t row, int64_t rows,
                   int64_t column, float* g) {
  const int64_t columns = min64(kPanel, s.count - column);
  const auto dot = [&](int64_t i, int64_t j) {
    float sum = 0;
    for (int64_t d = 0; d < s.depth; ++d) sum += a.data[i * a.stride + d] * b.data[j * b.stride + d];
    return sum * s.scale;
  };
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t i = row + r;
    if (!x.group) {
      if (i >= column && i < column + columns) g[r * kPanel + i - column] += s.scale * (x.v[i] + x.z[i]);
      continue;
    }
    for (int64_t c = 0; c < columns; ++c) {
      const int64_t j = column + c;
      if (x.group[i] != x.group[j]) continue;
      const float score = dot(i, j);
      g[r * kPanel + c] +=
          s.scale * (x.v[i] * std::exp(score - x.own[i]) + x.z[j] * std::exp(score - x.own_columns[j]));
    }
  }
}

// Adds a block of rows to db of a panel of columns. The transpose of db is the columns of a times g.
void add_columns(const Shape& s, int64_t rows, int64_t column, bool first, const float* turned, const float* g,
                 float* sums, const Rows& db) {
  for (int64_t d = 0; d < s.depth; d += kTileRows) {
    const float* tile[kTileRows];
    for (int r = 0; r < kTileRows; ++r) tile[r] = turned + min64(d + r, s.depth - 1) * kBlock;
    gemm_tile<2>(tile, 1, rows, g, sums + d * kPanel);
  }
  const int64_t columns = min64(kPanel, s.count - column);
  for (int64_t c = 0; c < columns; c += kLanes) {
    for (int64_t d = 0; d < s.depth; d += kLanes) {
      Vec block[kLanes];
      for (int l = 0; l < kLanes; ++l) block[l] = d + l < s.depth ? load(sums + (d + l) * kPanel + c) : Vec{};
      transpose(block);
      for (int l = 0; l < kLanes && c + l < columns; ++l) {
        float* to = db.data + (column + c + l) * db.stride + d;
        if (!first) block[l] += load_some(to, s.depth - d);
        store_some(to, block[l], s.depth - d);
      }
    }
  }
}

// Adds the columns of `taps` panels of a chunk, from panel `tap` on, to da of a block, for one panel of channels.
void add_rows(const Shape& s, int64_t row, int64_t rows, int64_t tap, int64_t taps, bool first, int64_t channels,
              const float* packed, const float* g, const Rows& da) {
  const Panels p{s.depth, s.chunk};
  const int64_t width = p.width(channels), used = p.used(channels);
  const float* panel = packed + p.offset(channels) + tap * kPanel * width;
  const float* tile[kTaps * kTileRows];
  alignas(64) float sums[kTileRows * kPanel];
  for (int64_t r0 = 0; r0 < rows; r0 += kTileRows) {
    for (int64_t t = 0; t < taps; ++t) {
      for (int r = 0; r < kTileRows; ++r) {
        tile[t * kTileRows + r] = g + ((tap + t) * kBlock + min64(r0 + r, rows - 1)) * kPanel;
      }
    }
    if (width == kPanel) {
      gemm_tile<2>(tile, taps, kPanel, panel, sums);
    } else {
      gemm_tile<1>(tile, taps, kPanel, panel, sums);
    }
    for (int r = 0; r < kTileRows && r0 + r < rows; ++r) {
      for (int64_t c = 0; c < used; c += kLanes) {
        float* to = da.data + (row + r0 + r) * da.stride + p.first(channels) + c;
        Vec sum = load(sums + r * width + c);
        if (!first) sum += load_some(to, used - c);
        store_some(to, sum, used - c);
      }
    }
  }
}

// Rows of b from `column` on as panels of channels, [panel][chunk][width], with zeros after the last row.
void pack_rows(const Shape& s, const Rows& b, int64_t column, int64_t channels, float* out) {
  const Panels p{s.depth, s.chunk};
  float* panel = out + p.offset(channels);
  for (int64_t j = 0; j < s.chunk; ++j) {
    for (int64_t c = 0; c < p.width(channels); c += kLanes, panel += kLanes) {
      const int64_t used = p.used(channels) - c;
      const bool exists = used > 0 && column + j < s.count;
      store(panel, exists ? load_some(b.data + (column + j) * b.stride + p.first(channels) + c, used) : Vec{});
    }
  }
}

Status contrastive_grad(const Call& call) {
  const Shape s(call);
  const Scratch at(s);
  const Vectors x(call);
  const Rows a(call.in[0]), b(call.in[1]), da(call.out[0]), db(call.out[1]);
  float* memory = reinterpret_cast<float*>(call.workspace);
  float *columns = memory + at.columns, *packed = memory + at.rows, *g = memory + at.g, *turned = memory + at.turned;
  const int64_t channel_panels = ceil_div(s.depth, kPanel);
  for (int64_t column = 0; column < s.count; column += s.chunk) {
    const int64_t panels = ceil_div(min64(s.chunk, s.count - column), kPanel);
    // Pack the chunk.
    call.pool->parallel_for(panels + channel_panels, [&](int64_t task, int) {
      if (task >= panels) return pack_rows(s, b, column, task - panels, packed);
      const int64_t first = column + task * kPanel;
      const auto row = [&](int64_t j) { return first + j < s.count ? b.data + (first + j) * b.stride : nullptr; };
      transpose_panel(row, s.depth, kPanel, columns + task * kPanel * s.depth);
    });
    for (int64_t row = 0; row < s.count; row += kBlock) {
      const int64_t rows = min64(kBlock, s.count - row), tiles = ceil_div(rows, kTileRows);
      // Transpose the block of rows of a.
      call.pool->parallel_for(ceil_div(kBlock, kLanes), [&](int64_t task, int) {
        // Whole vectors of rows: their last lanes are beyond the block if it is not a multiple of the vector.
        const int64_t first = task * kLanes, n = min64(kLanes, kBlock - first);
        for (int64_t d = 0; d < s.depth; d += kLanes) {
          Vec block[kLanes];
          for (int l = 0; l < kLanes; ++l) {
            block[l] = first + l < rows ? load_some(a.data + (row + first + l) * a.stride + d, s.depth - d) : Vec{};
          }
          transpose(block);
          for (int l = 0; l < kLanes && d + l < s.depth; ++l)
            store_some(turned + (d + l) * kBlock + first, block[l], n);
        }
      });
      // Scores, replaced by g.
      call.pool->parallel_for(panels, [&](int64_t p, int) {
        float* scores = g + p * kBlock * kPanel;
        for (int64_t t = 0; t < tiles; ++t) {
          const float* tile[kTileRows];
          for (int r = 0; r < kTileRows; ++r) {
            tile[r] = a.data + (row + min64(t * kTileRows + r, rows - 1)) * a.stride;
          }
          gemm_tile<2>(tile, 1, s.depth, columns + p * kPanel * s.depth, scores + t * kTileRows * kPanel);
        }
        const int64_t first = column + p * kPanel;
        differentiate(s, x, row, rows, first, scores);
        add_positives(s, x, a, b, row, rows, first, scores);
      });
      // db.
      call.pool->parallel_for(panels, [&](int64_t p, int thread) {
        add_columns(s, rows, column + p * kPanel, row == 0, turned, g + p * kBlock * kPanel,
                    memory + at.threads + thread * at.per_thread, db);
      });
      // da.
      for (int64_t tap = 0; tap < panels; tap += kTaps) {
        call.pool->parallel_for(channel_panels, [&](int64_t channels, int) {
          add_rows(s, row, rows, tap, min64(kTaps, panels - tap), column == 0 && tap == 0, channels, packed, g, da);
        });
      }
    }
  }
  return {};
}

VIDEOCLIP_KERNEL("contrastive_grad", contrastive_grad, workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
