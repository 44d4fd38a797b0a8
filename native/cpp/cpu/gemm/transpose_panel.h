#pragma once
// Packs the rows of a matrix as the columns of a panel of gemm_tile.h, for products with its transpose.
#include "cpu/primitives/lanes.h"
#include "cpu/primitives/storage.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

// panel [depth][kVectors * kLanes]; row(i) points to row i's `depth` values, or is null for a column of zeros.
template <typename Row>
inline void transpose_panel(const Row& row, int64_t depth, int64_t width, float* panel) {
  for (int64_t column = 0; column < width; column += kLanes) {
    decltype(row(0)) from[kLanes];
    for (int i = 0; i < kLanes; ++i) from[i] = row(column + i);
    for (int64_t d = 0; d < depth; d += kLanes) {
      const int64_t n = min64(kLanes, depth - d);
      Vec block[kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) block[i] = from[i] ? load_some(from[i] + d, n) : Vec{};
      transpose(block);
      float* to = panel + d * width + column;
      if (n == kLanes) {
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) store(to + i * width, block[i]);
      } else {
        for (int i = 0; i < n; ++i) store(to + i * width, block[i]);
      }
    }
  }
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
