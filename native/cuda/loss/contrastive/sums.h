#pragma once
// How the scores of a contrastive loss are divided into blocks, and the partial sums that the blocks store in the
// workspace.
#include <cmath>

#include "cuda/primitives/kernel.h"
#include "cuda/primitives/math.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace contrastive {

constexpr float kLog2E = 1.4426950408889634f, kLn2 = 0.6931471805599453f;
constexpr float kMinusInfinity = -__builtin_huge_valf();
constexpr int kThreads = 128, kTileRows = 128, kTileColumns = 64;
constexpr int64_t kStepChannels = 64;
constexpr int64_t kManyBlocks = 396;  // 3 on each of 132 SMs
// The least number of steps of K per tile of rows in a split of columns, and per tile of columns in a split of rows.
// With fewer, loading the earlier pairs of the rows and starting the block would cost as much as the products.
constexpr int64_t kColumnSplitSteps = 4, kRowSplitSteps = 2;
// for the columns of all row splits; beyond it, a row split has several tiles of rows
constexpr int64_t kSumBytes = 40 << 20;

// A sum of 2^x, stored as 2^max_score sum.
struct LogSum {
  float max_score = kMinusInfinity, sum = 0;

  VC_DEVICE void add(const LogSum& other) {
    const float high = max(max_score, other.max_score);
    // nothing added yet, or NaN, which the maximum ignores
    const float max_shift = high == kMinusInfinity ? 0.0f : high;
    sum = sum * exp2_approx(max_score - max_shift) + other.sum * exp2_approx(other.max_score - max_shift);
    max_score = high;
  }
  VC_DEVICE float value() const { return (max_score + ::log2f(sum)) * kLn2; }
};

VC_DEVICE LogSum load_sum(Global<const float> from, size_t i) {
  const Packed<float, 2> pair = from.load_packed<2>(2 * i);
  return {pair[0], pair[1]};
}

VC_DEVICE void store_sum(Global<float> to, size_t i, const LogSum& s) {
  to.store_packed<2>(2 * i, {{s.max_score, s.sum}});
}

struct Split {
  int64_t count, depth, row_split_tiles, row_splits, column_split_tiles, column_splits;
  bool grouped;

  explicit Split(const Call& call)
      : count(call.in[0].shape[0]), depth(call.in[0].shape[1]), grouped(call.in[2].rank > 0) {
    const int64_t row_tiles = (count + kTileRows - 1) / kTileRows;
    const int64_t column_tiles = (count + kTileColumns - 1) / kTileColumns;
    const int64_t most = max(int64_t{1}, kSumBytes / (8 * count * (grouped ? 2 : 1)));
    const int64_t steps = (depth + kStepChannels - 1) / kStepChannels;
    row_split_tiles = max((row_tiles + most - 1) / most, (kRowSplitSteps + steps - 1) / steps);
    row_splits = (row_tiles + row_split_tiles - 1) / row_split_tiles;
    // Rounded down: a few blocks beyond kManyBlocks would run as a second wave on an almost idle GPU.
    const int64_t wanted = min(column_tiles, max(int64_t{1}, kManyBlocks / row_splits));
    column_split_tiles = max((column_tiles + wanted - 1) / wanted, (kColumnSplitSteps + steps - 1) / steps);
    column_splits = (column_tiles + column_split_tiles - 1) / column_split_tiles;
  }
};

// Pairs (max, sum) of floats, for rows [column_splits, N] and for columns [row_splits, N]; over all scores, and over
// those of positives.
struct Sums {
  Global<float> rows, columns, row_positives, column_positives;
  Global<float> positives;  // [N], without groups
  Global<float> terms;      // [N], of the loss

  // Returns the size in bytes.
  static size_t lay_out(const Split& s, char* memory, Sums* sums) {
    size_t at = 0;
    const auto take = [&](int64_t floats) {
      const auto count = static_cast<size_t>(floats);
      const size_t offset = at;
      at += (count * sizeof(float) + 63) / 64 * 64;
      return Global<float>(reinterpret_cast<float*>(memory) + offset / sizeof(float), count);
    };
    sums->rows = take(2 * s.column_splits * s.count);
    sums->columns = take(2 * s.row_splits * s.count);
    sums->row_positives = take(s.grouped ? 2 * s.column_splits * s.count : 0);
    sums->column_positives = take(s.grouped ? 2 * s.row_splits * s.count : 0);
    sums->positives = take(s.grouped ? 0 : s.count);
    sums->terms = take(s.count);
    return at;
  }
};

}  // namespace contrastive
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
