// b is transposed into panels a stretch of columns at a time, by all threads. A task then is a strip of rows against
// the stretch, in tiles of kTileRows x kWidth scores: the product, the largest score t of the tile, exp(s - t) once for
// both directions, and its sums over rows and columns added to the running ones of each row (kept over stretches) and
// of each column in this strip. A tile whose maxima lie more than kSpread apart, where exp(s - t) could vanish, takes
// an exponential per direction. The strips' column sums are joined in the order of the strips.
#include "ops/loss/contrastive_loss.h"

#include "cpu/gemm/gemm_tile.h"
#include "cpu/gemm/panels.h"
#include "cpu/gemm/transpose_panel.h"
#include "cpu/loss/log_sum_exp.h"
#include "cpu/primitives/vector_math.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

constexpr int64_t kPanels = 128 / kPanel, kVectors = 128 / kLanes, kWidth = 128;
constexpr float kSpread = 60;
constexpr int64_t kPackedFloats = 4 << 20;  // 16 MB of panels: with the column sums below, 64 MB at most
constexpr int64_t kColumnSums = 5 << 20;
constexpr float kNone = -std::numeric_limits<float>::infinity();

struct Shape {
  int64_t count, depth, stretch, strip, strips, padded;  // padded: columns to whole tiles
  float scale;
  bool grouped;

  explicit Shape(const Call& call)
      : count(call.in[0].shape[0]),
        depth(call.in[0].shape[1]),
        scale(static_cast<float>(call.attrs[0])),
        grouped(call.in[2].rank > 0) {
    stretch = min64(max64(1, kPackedFloats / depth / kWidth), ceil_div(count, kWidth)) * kWidth;
    // strips enough for many threads, few enough for the column sums, and no fewer rows than make packing cheap
    const int64_t most = max64(1, kColumnSums / (grouped ? 2 : 1) / max64(1, count));
    strip = ceil_div(max64(ceil_div(count, min64(64, most)), 2 * kTileRows), kTileRows) * kTileRows;
    strips = ceil_div(count, strip);
    padded = ceil_div(count, kWidth) * kWidth;
  }
};

struct Scratch {
  int64_t panels, rows, row_positive, columns, column_positive, positive, size;  // bytes

  explicit Scratch(const Shape& s) {
    int64_t at = 0;
    const auto take = [&](int64_t bytes) {
      const int64_t first = at;
      at += ceil_div(bytes, 64) * 64;
      return first;
    };
    const int64_t pair = sizeof(LogSumExp);
    panels = take(s.stretch * s.depth * 4);
    rows = take(s.count * pair);
    row_positive = take(s.count * pair);
    columns = take(s.strips * s.padded * pair);
    column_positive = take(s.grouped ? s.strips * s.count * pair : 0);
    positive = take(s.count * 4);
    size = at;
  }
};

size_t contrastive_workspace(const Call& call, int) { return static_cast<size_t>(Scratch(Shape(call)).size); }

// Scores [kTileRows][kWidth] of a tile with what is known of it. Columns that do not exist hold -inf.
struct Tile {
  alignas(64) float s[kTileRows * kWidth];
  alignas(64) float column_top[kWidth], column_sum[kWidth];
  float row_top[kTileRows], row_sum[kTileRows];
  int rows;
  int64_t columns;
  float* row(int r) { return s + r * kWidth; }
};

// Scale, maxima of rows and columns.
void find_tops(Tile& t, float scale) {
  Vec top[kVectors];
  for (Vec& v : top) v = splat(kNone);
  for (int r = 0; r < t.rows; ++r) {
    float* s = t.row(r);
    for (int64_t c = t.columns; c < kWidth; ++c) s[c] = kNone;
    Vec row = splat(kNone);
    for (int v = 0; v < kVectors; ++v) {
      Vec x = load(s + v * kLanes);
      x = x == splat(kNone) ? x : x * splat(scale);
      store(s + v * kLanes, x);
      top[v] = maximum(x, top[v]);
      row = maximum(x, row);
    }
    t.row_top[r] = max_lanes(row);
  }
  for (int v = 0; v < kVectors; ++v) store(t.column_top + v * kLanes, top[v]);
}

// Sums of exponentials about the maxima found; those become the tile's own maximum where one exponential serves both.
void sum_exponentials(Tile& t) {
  float top = kNone, low = -kNone;
  for (int r = 0; r < t.rows; ++r) {
    top = t.row_top[r] > top ? t.row_top[r] : top;
    low = t.row_top[r] < low ? t.row_top[r] : low;
  }
  for (int64_t c = 0; c < t.columns; ++c) low = t.column_top[c] < low ? t.column_top[c] : low;
  const bool shared = top - low <= kSpread;
  if (shared) {
    for (int r = 0; r < t.rows; ++r) t.row_top[r] = top;
    for (int64_t c = 0; c < kWidth; ++c) t.column_top[c] = top;
  }
  Vec sum[kVectors] = {};
  for (int r = 0; r < t.rows; ++r) {
    const float* s = t.row(r);
    Vec row = {};
    for (int v = 0; v < kVectors; ++v) {
      const Vec x = load(s + v * kLanes), e = exp(x - splat(t.row_top[r]));
      row += e;
      sum[v] += shared ? e : exp(x - load(t.column_top + v * kLanes));
    }
    t.row_sum[r] = sum_lanes(row);
  }
  for (int v = 0; v < kVectors; ++v) store(t.column_sum + v * kLanes, sum[v]);
}

struct Sums {
  LogSumExp *rows, *row_positive, *column_positive;  // of columns: this strip's
  float *column_top, *column_sum, *positive;
};

// LogSumExp::add for the columns of a tile.
void add_columns(const Tile& t, float* tops, float* sums) {
  for (int64_t c = 0; c < kWidth; c += kLanes) {
    const Vec old = load(tops + c), own = load(t.column_top + c), top = maximum(own, old);
    store(sums + c, load(sums + c) * exp(old - top) + load(t.column_sum + c) * exp(own - top));
    store(tops + c, top);
  }
}

// Scores of positives, found by their group or on the diagonal.
void take_positives(Tile& t, const int32_t* group, int64_t row, int64_t column, const Sums& sums) {
  for (int r = 0; r < t.rows; ++r) {
    const int64_t i = row + r;
    if (!group) {
      if (i >= column && i < column + t.columns) sums.positive[i] = t.row(r)[i - column];
      continue;
    }
    for (int64_t c = 0; c < t.columns; ++c) {
      if (group[column + c] != group[i]) continue;
      sums.row_positive[i].add(t.row(r)[c], 1);
      sums.column_positive[column + c].add(t.row(r)[c], 1);
    }
  }
}

void score_strip(const Shape& s, const Rows& a, const float* panels, const int32_t* group, int64_t first, int64_t last,
                 int64_t column, int64_t columns, const Sums& sums) {
  Tile t;
  const float* rows[kTileRows];
  float* out[kTileRows];
  const Epilogue whole{nullptr, false, false, kPanel};
  // as many rows as stay in L2 beside the panels
  const int64_t block = max64(1, (96 << 10) / s.depth / kTileRows) * kTileRows;
  for (int64_t begin = first; begin < last; begin += block) {
    for (int64_t c = 0; c < columns; c += kWidth) {
      t.columns = min64(kWidth, columns - c);
      for (int64_t i = begin; i < min64(last, begin + block); i += kTileRows) {
        t.rows = static_cast<int>(min64(kTileRows, last - i));
        for (int r = 0; r < kTileRows; ++r) rows[r] = a.data + (i + min64(r, t.rows - 1)) * a.stride;
        for (int64_t p = 0; p < kPanels; ++p) {
          for (int r = 0; r < kTileRows; ++r) out[r] = t.row(r) + p * kPanel;
          gemm_panel(rows, 1, s.depth, panels + (c + p * kPanel) * s.depth, kPanel, t.rows, whole, nullptr, out);
        }
        find_tops(t, s.scale);
        take_positives(t, group, i, column + c, sums);
        sum_exponentials(t);
        for (int r = 0; r < t.rows; ++r) sums.rows[i + r].add(t.row_top[r], t.row_sum[r]);
        add_columns(t, sums.column_top + column + c, sums.column_sum + column + c);
      }
    }
  }
}

Status contrastive_loss(const Call& call) {
  const Shape s(call);
  const Scratch at(s);
  const Rows a(call.in[0]), b(call.in[1]);
  const int32_t* group = call.in[2] ? call.in[2].i32() : nullptr;
  float* panels = reinterpret_cast<float*>(call.workspace + at.panels);
  const auto sums_at = [&](int64_t offset) { return reinterpret_cast<LogSumExp*>(call.workspace + offset); };
  float* column_tops = reinterpret_cast<float*>(call.workspace + at.columns);
  float* column_sums = column_tops + s.strips * s.padded;
  const Sums all{sums_at(at.rows),
                 sums_at(at.row_positive),
                 sums_at(at.column_positive),
                 column_tops,
                 column_sums,
                 reinterpret_cast<float*>(call.workspace + at.positive)};
  call.pool->parallel_for(s.strips, [&](int64_t strip, int) {
    for (int64_t i = strip * s.strip; i < min64(s.count, (strip + 1) * s.strip); ++i) {
      all.rows[i] = all.row_positive[i] = {};
    }
    for (int64_t j = strip * s.padded; j < (strip + 1) * s.padded; ++j) {
      column_tops[j] = kNone;
      column_sums[j] = 0;
    }
    for (int64_t j = strip * s.count; group && j < (strip + 1) * s.count; ++j) all.column_positive[j] = {};
  });
  for (int64_t column = 0; column < s.count; column += s.stretch) {
    const int64_t columns = min64(s.stretch, s.count - column);
    call.pool->parallel_for(ceil_div(columns, kWidth) * kPanels, [&](int64_t p, int) {
      const int64_t first = column + p * kPanel;
      const auto row = [&](int64_t j) { return first + j < s.count ? b.data + (first + j) * b.stride : nullptr; };
      transpose_panel(row, s.depth, kPanel, panels + p * kPanel * s.depth);
    });
    call.pool->parallel_for(s.strips, [&](int64_t strip, int) {
      Sums own = all;
      own.column_top += strip * s.padded;
      own.column_sum += strip * s.padded;
      own.column_positive += group ? strip * s.count : 0;
      score_strip(s, a, panels, group, strip * s.strip, min64(s.count, (strip + 1) * s.strip), column, columns, own);
    });
  }
  float *row_lse = call.out[1].f32(), *column_lse = call.out[2].f32();
  float *row_own = call.out[3].f32(), *column_own = call.out[4].f32();
  double total = 0;
  for (int64_t i = 0; i < s.count; ++i) {
    LogSumExp columns, positive;
    for (int64_t strip = 0; strip < s.strips; ++strip) {
      columns.add(column_tops[strip * s.padded + i], column_sums[strip * s.padded + i]);
      if (!group) continue;
      const LogSumExp& own = all.column_positive[strip * s.count + i];
      if (own.sum > 0) positive.add(own.top, own.sum);
    }
    const double row = all.rows[i].value(), column = columns.value();
    const double own = group ? all.row_positive[i].value() : all.positive[i];
    const double other = group ? positive.value() : all.positive[i];
    row_lse[i] = static_cast<float>(row), row_own[i] = static_cast<float>(own);
    column_lse[i] = static_cast<float>(column), column_own[i] = static_cast<float>(other);
    // a direction that does not count adds nothing, not even NaN
    if (call.attrs[1] != 0) total += call.attrs[1] * (row - own);
    if (call.attrs[2] != 0) total += call.attrs[2] * (column - other);
  }
  call.out[0].f32()[0] = static_cast<float>(total / static_cast<double>(s.count));
  return {};
}

VIDEOCLIP_KERNEL("contrastive_loss", contrastive_loss, contrastive_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
