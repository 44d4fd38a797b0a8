// b is transposed into panels, one chunk of columns at a time, by all threads. A task is then a split of the rows
// against the chunk, in tiles of kTileRows x kWidth scores. A tile takes these steps: the product; the largest score t
// of the tile; exp(s - t), once for both directions; and its sums over rows and columns, which are added to the running
// sums of each row (kept from chunk to chunk) and of each column in this split. If the maxima of a tile are more than
// kSpread apart, so that exp(s - t) could vanish, each direction has its own exponential. The column sums of the splits
// are merged in order.
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
constexpr int64_t kPackedFloats = 4 << 20;  // 16 MB of panels; with the column sums below, 64 MB at most
constexpr int64_t kColumnSums = 5 << 20;
constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

struct Shape {
  int64_t count, depth, chunk, split_rows, splits, padded;  // padded: columns rounded up to whole tiles
  float scale;
  bool grouped;

  explicit Shape(const Call& call)
      : count(call.in[0].shape[0]),
        depth(call.in[0].shape[1]),
        scale(static_cast<float>(ContrastiveLossAttributes(call).scale)),
        grouped(call.in[2].rank > 0) {
    chunk = min64(max64(1, kPackedFloats / depth / kWidth), ceil_div(count, kWidth)) * kWidth;
    // There are enough splits for many threads, few enough for the column sums, and each has enough rows to make
    // packing cheap.
    const int64_t most = max64(1, kColumnSums / (grouped ? 2 : 1) / max64(1, count));
    split_rows = ceil_div(max64(ceil_div(count, min64(64, most)), 2 * kTileRows), kTileRows) * kTileRows;
    splits = ceil_div(count, split_rows);
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
    panels = take(s.chunk * s.depth * 4);
    rows = take(s.count * pair);
    row_positive = take(s.count * pair);
    columns = take(s.splits * s.padded * pair);
    column_positive = take(s.grouped ? s.splits * s.count * pair : 0);
    positive = take(s.count * 4);
    size = at;
  }
};

size_t contrastive_workspace(const Call& call, int) { return static_cast<size_t>(Scratch(Shape(call)).size); }

// The scores [kTileRows][kWidth] of a tile with their maxima and sums. Columns that do not exist hold -inf.
struct Tile {
  alignas(64) float s[kTileRows * kWidth];
  alignas(64) float column_max[kWidth], column_sum[kWidth];
  float row_max[kTileRows], row_sum[kTileRows];
  int rows;
  int64_t columns;
  float* row(int r) { return s + r * kWidth; }
};

// Scales the scores, and finds the maxima of rows and columns.
void find_maxima(Tile& t, float scale) {
  Vec column_max[kVectors];
  for (Vec& v : column_max) v = splat(kMinusInfinity);
  for (int r = 0; r < t.rows; ++r) {
    float* s = t.row(r);
    for (int64_t c = t.columns; c < kWidth; ++c) s[c] = kMinusInfinity;
    Vec row = splat(kMinusInfinity);
    for (int v = 0; v < kVectors; ++v) {
      Vec x = load(s + v * kLanes);
      x = x == splat(kMinusInfinity) ? x : x * splat(scale);
      store(s + v * kLanes, x);
      column_max[v] = maximum(x, column_max[v]);
      row = maximum(x, row);
    }
    t.row_max[r] = max_lanes(row);
  }
  for (int v = 0; v < kVectors; ++v) store(t.column_max + v * kLanes, column_max[v]);
}

// Sums the exponentials relative to the maxima. Where one exponential serves both directions, the maximum of the tile
// replaces these maxima.
void sum_exponentials(Tile& t) {
  float high = kMinusInfinity, low = -kMinusInfinity;
  for (int r = 0; r < t.rows; ++r) {
    high = t.row_max[r] > high ? t.row_max[r] : high;
    low = t.row_max[r] < low ? t.row_max[r] : low;
  }
  for (int64_t c = 0; c < t.columns; ++c) low = t.column_max[c] < low ? t.column_max[c] : low;
  const bool shared = high - low <= kSpread;
  if (shared) {
    for (int r = 0; r < t.rows; ++r) t.row_max[r] = high;
    for (int64_t c = 0; c < kWidth; ++c) t.column_max[c] = high;
  }
  Vec sum[kVectors] = {};
  for (int r = 0; r < t.rows; ++r) {
    const float* s = t.row(r);
    Vec row = {};
    for (int v = 0; v < kVectors; ++v) {
      const Vec x = load(s + v * kLanes), e = exp(x - splat(t.row_max[r]));
      row += e;
      sum[v] += shared ? e : exp(x - load(t.column_max + v * kLanes));
    }
    t.row_sum[r] = sum_lanes(row);
  }
  for (int v = 0; v < kVectors; ++v) store(t.column_sum + v * kLanes, sum[v]);
}

struct Sums {
  LogSumExp *rows, *row_positive, *column_positive;  // column_positive: of this split
  float *column_max, *column_sum, *positive;
};

// LogSumExp::add for the columns of a tile.
void add_columns(const Tile& t, float* maxima, float* sums) {
  for (int64_t c = 0; c < kWidth; c += kLanes) {
    const Vec old = load(maxima + c), own = load(t.column_max + c), high = maximum(own, old);
    store(sums + c, load(sums + c) * exp(old - high) + load(t.column_sum + c) * exp(own - high));
    store(maxima + c, high);
  }
}

// Collects the scores of positives, which have the same group or are on the diagonal.
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

void score_split(const Shape& s, const Rows& a, const float* panels, const int32_t* group, int64_t first, int64_t last,
                 int64_t column, int64_t columns, const Sums& sums) {
  Tile t;
  const float* rows[kTileRows];
  float* out[kTileRows];
  const Epilogue whole{nullptr, false, false, kPanel};
  // as many rows as fit L2 beside the panels
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
        find_maxima(t, s.scale);
        take_positives(t, group, i, column + c, sums);
        sum_exponentials(t);
        for (int r = 0; r < t.rows; ++r) sums.rows[i + r].add(t.row_max[r], t.row_sum[r]);
        add_columns(t, sums.column_max + column + c, sums.column_sum + column + c);
      }
    }
  }
}

Status contrastive_loss(const Call& call) {
  const ContrastiveLossAttributes attrs(call);
  const Shape s(call);
  const Scratch at(s);
  const Rows a(call.in[0]), b(call.in[1]);
  const int32_t* group = call.in[2] ? call.in[2].i32() : nullptr;
  float* panels = reinterpret_cast<float*>(call.workspace + at.panels);
  const auto sums_at = [&](int64_t offset) { return reinterpret_cast<LogSumExp*>(call.workspace + offset); };
  float* column_maxima = reinterpret_cast<float*>(call.workspace + at.columns);
  float* column_sums = column_maxima + s.splits * s.padded;
  const Sums all{sums_at(at.rows),
                 sums_at(at.row_positive),
                 sums_at(at.column_positive),
                 column_maxima,
                 column_sums,
                 reinterpret_cast<float*>(call.workspace + at.positive)};
  call.pool->parallel_for(s.splits, [&](int64_t split, int) {
    for (int64_t i = split * s.split_rows; i < min64(s.count, (split + 1) * s.split_rows); ++i) {
      all.rows[i] = all.row_positive[i] = {};
    }
    for (int64_t j = split * s.padded; j < (split + 1) * s.padded; ++j) {
      column_maxima[j] = kMinusInfinity;
      column_sums[j] = 0;
    }
    for (int64_t j = split * s.count; group && j < (split + 1) * s.count; ++j) all.column_positive[j] = {};
  });
  for (int64_t column = 0; column < s.count; column += s.chunk) {
    const int64_t columns = min64(s.chunk, s.count - column);
    call.pool->parallel_for(ceil_div(columns, kWidth) * kPanels, [&](int64_t p, int) {
      const int64_t first = column + p * kPanel;
      const auto row = [&](int64_t j) { return first + j < s.count ? b.data + (first + j) * b.stride : nullptr; };
      transpose_panel(row, s.depth, kPanel, panels + p * kPanel * s.depth);
    });
    call.pool->parallel_for(s.splits, [&](int64_t split, int) {
      Sums own = all;
      own.column_max += split * s.padded;
      own.column_sum += split * s.padded;
      own.column_positive += group ? split * s.count : 0;
      score_split(s, a, panels, group, split * s.split_rows, min64(s.count, (split + 1) * s.split_rows), column,
                  columns, own);
    });
  }
  float *row_lse = call.out[1].f32(), *column_lse = call.out[2].f32();
  float *row_own = call.out[3].f32(), *column_own = call.out[4].f32();
  double total = 0;
  for (int64_t i = 0; i < s.count; ++i) {
    LogSumExp columns, positive;
    for (int64_t split = 0; split < s.splits; ++split) {
      columns.add(column_maxima[split * s.padded + i], column_sums[split * s.padded + i]);
      if (!group) continue;
      const LogSumExp& own = all.column_positive[split * s.count + i];
      if (own.sum > 0) positive.add(own.max_score, own.sum);
    }
    const double row = all.rows[i].value(), column = columns.value();
    const double own = group ? all.row_positive[i].value() : all.positive[i];
    const double other = group ? positive.value() : all.positive[i];
    row_lse[i] = static_cast<float>(row), row_own[i] = static_cast<float>(own);
    column_lse[i] = static_cast<float>(column), column_own[i] = static_cast<float>(other);
    // A direction of weight 0 adds nothing, not even NaN.
    if (attrs.row_weight != 0) total += attrs.row_weight * (row - own);
    if (attrs.column_weight != 0) total += attrs.column_weight * (column - other);
  }
  call.out[0].f32()[0] = static_cast<float>(total / static_cast<double>(s.count));
  return {};
}

VIDEOCLIP_KERNEL("contrastive_loss", contrastive_loss, contrastive_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
