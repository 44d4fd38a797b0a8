#pragma once
// Sums of products of bf16 by tiles (primitives/tiles.h): two tiles of rows times two tiles of columns. A sum runs over
// the taps and their steps in order. It does not depend on the other rows and columns, the batch or the threads.
#include "cpu/gemm/gemm_tile.h"
#include "cpu/primitives/storage.h"
#include "cpu/primitives/tiles.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

constexpr int kBf16Rows = 2 * kTileSize;

inline int64_t bf16_steps(int64_t pairs) { return ceil_div(pairs, kTileSize); }

// The pairs of a run of values: as many steps of equal depth as are needed, with zeros behind the run.
inline int64_t bf16_pairs(int64_t run) {
  const int64_t pairs = ceil_div(run, 2), steps = max64(1, bf16_steps(pairs));
  return steps * ceil_div(pairs, steps);
}

// What a thread needs around calls of bf16_sums with `pairs` pairs in a tap; nothing for no pairs.
class Bf16Scope {
 public:
  explicit Bf16Scope(int64_t pairs) : configured_(pairs / max64(1, bf16_steps(pairs))) {}

 private:
  TileUnit::Configured configured_;
};

// A unit loads rows that are equally far apart. `space_rows` copies the others to scratch memory and changes their
// pointers.
inline int64_t spaced_values(int64_t taps, int64_t pairs) { return kBf16Rows * taps * 2 * pairs; }

inline void space_rows(const Bf16** rows, int64_t taps, int64_t pairs, Bf16* scratch) {
  for (int64_t i = 0; i < 2 * taps; ++i, rows += kTileSize) {
    if (!(i % 2 ? rows[-kTileSize] : rows[0])) continue;  // a tap that adds nothing
    const int64_t step = rows[1] - rows[0];
    bool equal = true;
    for (int r = 2; r < kTileSize; ++r) equal = equal && rows[r] - rows[r - 1] == step;
    if (equal) continue;
    for (int r = 0; r < kTileSize; ++r, scratch += 2 * pairs) {
      std::memcpy(scratch, rows[r], static_cast<size_t>(2 * pairs) * sizeof(Bf16));
      rows[r] = scratch;
    }
  }
}

// rows: [taps][kBf16Rows] pointers to 2 `pairs` values each, equally far apart in each half; a tap whose first pointer
// is null adds nothing. b: [taps][pairs][width] words of two bf16. sums: [kBf16Rows][width], for at most 32 columns.
__attribute__((noinline)) inline void bf16_sums(const Bf16* const* rows, int64_t taps, int64_t pairs, const float* b,
                                                int64_t width, float* sums) {
  if (!pairs) {  // the unit is not configured
    std::memset(sums, 0, static_cast<size_t>(kBf16Rows * width) * sizeof(float));
    return;
  }
  const int64_t steps = bf16_steps(pairs), depth = pairs / steps;
  const bool both = width > kTileSize;
  const int64_t row = width * static_cast<int64_t>(sizeof(float));  // bytes of a row of b and of the sums
  TileUnit unit(depth, min64(width, kTileSize));
  unit.zero<0>(), unit.zero<1>(), unit.zero<2>(), unit.zero<3>();
  for (int64_t tap = 0; tap < taps; ++tap, rows += kBf16Rows, b += pairs * width) {
    if (!rows[0]) continue;
    const Bf16 *upper = rows[0], *lower = rows[kTileSize];
    const int64_t upper_row = (rows[1] - upper) * static_cast<int64_t>(sizeof(Bf16));
    const int64_t lower_row = (rows[kTileSize + 1] - lower) * static_cast<int64_t>(sizeof(Bf16));
    for (int64_t step = 0; step < steps; ++step, upper += 2 * depth, lower += 2 * depth) {
      const float* at = b + step * depth * width;
      unit.load<6>(at, row);
      unit.load<4>(upper, upper_row);
      unit.multiply<0, 4, 6>();
      unit.load<5>(lower, lower_row);
      unit.multiply<2, 5, 6>();
      if (!both) continue;
      unit.load<7>(at + kTileSize, row);
      unit.multiply<1, 4, 7>();
      unit.multiply<3, 5, 7>();
    }
  }
  float* below = sums + kTileSize * width;
  unit.store<0>(sums, row);
  unit.store<2>(below, row);
  if (!both) return;
  unit.store<1>(sums + kTileSize, row);
  unit.store<3>(below + kTileSize, row);
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
