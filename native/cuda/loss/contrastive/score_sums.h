#pragma once
// The reduction of a tile of scores along both directions, in the registers of the product: a thread has a few rows and
// columns of the tile (kRows, kColumns, row() and column() in gemm/math.h), and lanes share them.
#include "cuda/gemm/math.h"
#include "cuda/loss/contrastive/sums.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/warp.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace contrastive {

// The scores of a tile that a thread has, times log2 e. Scores beyond the last row or column are -inf.
template <class Math>
using Scores = float[Math::kRows][Math::kColumns];

// Pairs in shared memory: the maxima of all, then the sums of all, so that neither stride of the lanes' rows and
// columns causes bank conflicts.
template <int kCount>
struct Pairs {
  static constexpr uint32_t kFloats = 2 * kCount;
  Shared<float> values;

  VC_DEVICE LogSum load(int i) const {
    return {values.load(static_cast<uint32_t>(i)), values.load(static_cast<uint32_t>(kCount + i))};
  }
  VC_DEVICE void store(int i, const LogSum& s) const {
    values.store(static_cast<uint32_t>(i), s.max_score);
    values.store(static_cast<uint32_t>(kCount + i), s.sum);
  }
};
template <class Tile>
using ColumnPairs = Pairs<Tile::kWarpsM * kTileColumns>;  // [warps that share a column][columns of the tile]
template <class Tile>
using RowPairs = Pairs<Tile::kWarpsN * kTileRows>;  // [warps that share a row][rows of the tile]

// The scores of a product of which `rows` rows and `columns` columns exist from its first on.
template <class Math>
VC_DEVICE void scores_of(const Math& product, float scale, int rows, int columns, Scores<Math>& x) {
#pragma unroll
  for (int r = 0; r < Math::kRows; ++r) {
#pragma unroll
    for (int c = 0; c < Math::kColumns; ++c) {
      const bool exists = Math::row(r) < rows && Math::column(c) < columns;
      x[r][c] = exists ? product.at(r, c) * scale : kMinusInfinity;
    }
  }
}

// Adds the scores of each row to its sum. All lanes of a row have the same maximum; each has the sum over its columns.
template <class Math>
VC_DEVICE void add_rows(const Scores<Math>& x, LogSum (&rows)[Math::kRows]) {
#pragma unroll
  for (int r = 0; r < Math::kRows; ++r) {
    float high = rows[r].max_score;
#pragma unroll
    for (int c = 0; c < Math::kColumns; ++c) high = max(high, x[r][c]);
#pragma unroll
    for (int d = Math::kLanesPerRow / 2; d > 0; d /= 2) high = max(high, shuffle_xor(high, d));
    const float max_shift = high == kMinusInfinity ? 0.0f : high;
    float sum = rows[r].sum * exp2_approx(rows[r].max_score - max_shift);
#pragma unroll
    for (int c = 0; c < Math::kColumns; ++c) sum += exp2_approx(x[r][c] - max_shift);
    rows[r] = {high, sum};
  }
}

// Stores the sum of each column over the rows of the warp.
template <class Math, class Tile>
VC_DEVICE void store_columns(const Scores<Math>& x, const ColumnPairs<Tile>& pairs) {
#pragma unroll
  for (int c = 0; c < Math::kColumns; ++c) {
    LogSum s;
#pragma unroll
    for (int r = 0; r < Math::kRows; ++r) s.max_score = max(s.max_score, x[r][c]);
#pragma unroll
    for (int d = kWarpSize / 2; d >= Math::kLanesPerRow; d /= 2) {
      s.max_score = max(s.max_score, shuffle_xor(s.max_score, d));
    }
    const float max_shift = s.max_score == kMinusInfinity ? 0.0f : s.max_score;
#pragma unroll
    for (int r = 0; r < Math::kRows; ++r) s.sum += exp2_approx(x[r][c] - max_shift);
#pragma unroll
    for (int d = kWarpSize / 2; d >= Math::kLanesPerRow; d /= 2) s.sum += shuffle_xor(s.sum, d);
    if (lane_id() < Math::kLanesPerRow) pairs.store(warp_id() / Tile::kWarpsN * kTileColumns + Math::column(c), s);
  }
}

// Adds the sums of a column over the rows of all warps, in order, to the pair of the block's earlier tiles.
template <class Tile>
VC_DEVICE void join_columns(Global<float> to, size_t at, const ColumnPairs<Tile>& pairs, bool first) {
  LogSum all;
  if (!first) all = load_sum(to, at);
#pragma unroll
  for (int w = 0; w < Tile::kWarpsM; ++w) all.add(pairs.load(w * kTileColumns + static_cast<int>(threadIdx.x)));
  store_sum(to, at, all);
}

// The place of the pair of a thread's row.
template <class Math, class Tile>
VC_DEVICE int row_slot(int r) {
  return warp_id() % Tile::kWarpsN * kTileRows + Math::row(r);
}

// Adds up the sums of each row over the lanes that share it; the first lane then calls f(r, sum of the row).
template <class Math, class F>
VC_DEVICE void reduce_rows(LogSum (&rows)[Math::kRows], F f) {
#pragma unroll
  for (int r = 0; r < Math::kRows; ++r) {
#pragma unroll
    for (int d = Math::kLanesPerRow / 2; d > 0; d /= 2) rows[r].sum += shuffle_xor(rows[r].sum, d);
    if (lane_id() % Math::kLanesPerRow == 0) f(r, rows[r]);
  }
}

// Adds the pairs of a row over the warps that share it, and stores the result; a thread has one row.
template <class Tile>
VC_DEVICE void store_rows(const RowPairs<Tile>& pairs, Global<float> to, size_t at) {
  LogSum all;
#pragma unroll
  for (int w = 0; w < Tile::kWarpsN; ++w) all.add(pairs.load(w * kTileRows + static_cast<int>(threadIdx.x)));
  store_sum(to, at, all);
}

// Replaces the scores of pairs of different groups by -inf; returns whether the warp has others. `groups` are those of
// the tile's rows, then of its columns.
template <class Math>
VC_DEVICE bool keep_positives(Shared<int32_t> groups, Scores<Math>& x) {
  bool any = false;
  int32_t of_columns[Math::kColumns];
#pragma unroll
  for (int c = 0; c < Math::kColumns; ++c) {
    of_columns[c] = groups.load(static_cast<uint32_t>(kTileRows + Math::column(c)));
  }
#pragma unroll
  for (int r = 0; r < Math::kRows; ++r) {
    const int32_t of_row = groups.load(static_cast<uint32_t>(Math::row(r)));
#pragma unroll
    for (int c = 0; c < Math::kColumns; ++c) {
      if (of_columns[c] != of_row) x[r][c] = kMinusInfinity;
      any = any || x[r][c] != kMinusInfinity;
    }
  }
  return vote_any(any);
}

// Adds positives to the pairs of their rows, and stores their sums per column. Most tiles have none.
template <class Math, class Tile>
VC_DEVICE void add_positives(Shared<int32_t> groups, Scores<Math>& x, const RowPairs<Tile>& of_rows,
                             const ColumnPairs<Tile>& of_columns) {
  if (keep_positives<Math>(groups, x)) {
    LogSum rows[Math::kRows];
    add_rows<Math>(x, rows);
    reduce_rows<Math>(rows, [&](int r, LogSum sum) {
      sum.add(of_rows.load(row_slot<Math, Tile>(r)));
      of_rows.store(row_slot<Math, Tile>(r), sum);
    });
    store_columns<Math, Tile>(x, of_columns);
  } else {
    const int first = warp_id() / Tile::kWarpsN * kTileColumns + warp_id() % Tile::kWarpsN * Tile::kWarpColumns;
    for (int c = lane_id(); c < Tile::kWarpColumns; c += kWarpSize) of_columns.store(first + c, {});
  }
}

// The groups of a thread's row or column for `keep_positives`.
VC_DEVICE void load_group(Global<const int32_t> from, int i, int count, Shared<int32_t> groups, int slot) {
  groups.store(static_cast<uint32_t>(slot), i < count ? from.load(static_cast<size_t>(i)) : 0);
}

}  // namespace contrastive
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
