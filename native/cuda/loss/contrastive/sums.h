#pragma once
// How the scores of a contrastive loss are split into blocks, and the sums that these leave in the workspace.
#include <cmath>

#include "cuda/primitives/kernel.h"
#include "cuda/primitives/math.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace contrastive {

constexpr float kLog2E = 1.4426950408889634f, kLn2 = 0.6931471805599453f;
constexpr float kNone = -__builtin_huge_valf();
constexpr int kThreads = 128, kTileRows = 128, kTileColumns = 64;
constexpr int64_t kStepChannels = 64;
constexpr int64_t kManyBlocks = 396;  // 3 on each of 132 SMs
// Steps of K that a range has at least for each tile of rows: with fewer, reading what is there of the rows, and the
// start of the block, cost as much as the products.
constexpr int64_t kRangeSteps = 4, kStripSteps = 2;
constexpr int64_t kSumBytes = 40 << 20;  // of the columns of all strips: beyond, strips have several tiles of rows

// A sum of 2^x as 2^top sum.
struct LogSum {
  float top = kNone, sum = 0;

  VC_DEVICE void add(const LogSum& other) {
    const float high = max(top, other.top);
    const float shift = high == kNone ? 0.0f : high;  // nothing yet, or NaN, which the maximum does not see
    sum = sum * exp2_approx(top - shift) + other.sum * exp2_approx(other.top - shift);
    top = high;
  }
  VC_DEVICE float value() const { return (top + ::log2f(sum)) * kLn2; }
};

VC_DEVICE LogSum load_sum(Global<const float> from, size_t i) {
  const Packed<float, 2> pair = from.load_packed<2>(2 * i);
  return {pair[0], pair[1]};
}

VC_DEVICE void store_sum(Global<float> to, size_t i, const LogSum& s) { to.store_packed<2>(2 * i, {{s.top, s.sum}}); }

struct Split {
  int64_t count, depth, strip_tiles, strips, range_tiles, ranges;
  bool grouped;

  explicit Split(const Call& call)
      : count(call.in[0].shape[0]), depth(call.in[0].shape[1]), grouped(call.in[2].rank > 0) {
    const int64_t row_tiles = (count + kTileRows - 1) / kTileRows;
    const int64_t column_tiles = (count + kTileColumns - 1) / kTileColumns;
    const int64_t most = max(int64_t{1}, kSumBytes / (8 * count * (grouped ? 2 : 1)));
    const int64_t steps = (depth + kStepChannels - 1) / kStepChannels;
    strip_tiles = max((row_tiles + most - 1) / most, (kStripSteps + steps - 1) / steps);
    strips = (row_tiles + strip_tiles - 1) / strip_tiles;
    const int64_t wanted = min(column_tiles, (kManyBlocks + strips - 1) / strips);
    range_tiles = max((column_tiles + wanted - 1) / wanted, (kRangeSteps + steps - 1) / steps);
    ranges = (column_tiles + range_tiles - 1) / range_tiles;
  }
};

// Sums of rows [ranges, N] and of columns [strips, N], pairs of floats; of all scores and of those of positives.
struct Sums {
  Global<float> rows, columns, row_positives, column_positives;
  Global<float> positives;  // [N], without groups
  Global<float> terms;      // [N], of the loss

  // Returns the bytes.
  static size_t place(const Split& s, char* memory, Sums* sums) {
    size_t at = 0;
    const auto take = [&](int64_t floats) {
      const auto count = static_cast<size_t>(floats);
      const size_t offset = at;
      at += (count * sizeof(float) + 63) / 64 * 64;
      return Global<float>(reinterpret_cast<float*>(memory) + offset / sizeof(float), count);
    };
    sums->rows = take(2 * s.ranges * s.count);
    sums->columns = take(2 * s.strips * s.count);
    sums->row_positives = take(s.grouped ? 2 * s.ranges * s.count : 0);
    sums->column_positives = take(s.grouped ? 2 * s.strips * s.count : 0);
    sums->positives = take(s.grouped ? 0 : s.count);
    sums->terms = take(s.count);
    return at;
  }
};

}  // namespace contrastive
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
