#pragma once
// The product that the later steps of all three ladders are made of: up to kTileRows rows times a packed panel of
// kPanel columns, with all sums in registers.
//
// A vector unit has two inputs to load per multiply-add of a plain loop, and loads are its bottleneck. A tile of R rows
// and V vectors of columns loads R + V values for R x V multiply-adds: with AVX-512, 16 loads for 28. The sums stay in
// registers over the whole depth. The panel is packed, so that it is read as one consecutive stream.
#include <cstdint>
#include <vector>

#include "cpu/primitives/lanes.h"

namespace ladder {

using namespace videoclip::VIDEOCLIP_ISA;

// sums [kTileRows][kPanel]: over `taps` groups of kTileRows pointers to `depth` floats each, times panel [taps][depth]
// [kPanel]. Not inlined: only then do
// compilers keep all sums in registers.
__attribute__((noinline)) inline void register_tile(const float* const* rows, int64_t taps, int64_t depth,
                                                    const float* panel, float* sums) {
  Vec c[kTileRows][2] = {};
  for (int64_t tap = 0; tap < taps; ++tap, rows += kTileRows) {
    for (int64_t k = 0; k < depth; ++k, panel += kPanel) {
      const Vec low = load(panel), high = load(panel + kLanes);
#pragma GCC unroll 14
      for (int r = 0; r < kTileRows; ++r) {
        const Vec x = splat(rows[r][k]);
        c[r][0] += x * low;
        c[r][1] += x * high;
      }
    }
  }
#pragma GCC unroll 14
  for (int r = 0; r < kTileRows; ++r) {
    store(sums + r * kPanel, c[r][0]);
    store(sums + r * kPanel + kLanes, c[r][1]);
  }
}

// Columns of a matrix to panels: element (k, column) is from[k * k_stride + column * column_stride]. Missing columns of
// the last panel are zero. Returns [panels][depth][kPanel].
inline std::vector<float> pack(const float* from, int64_t depth, int64_t columns, int64_t k_stride,
                               int64_t column_stride) {
  std::vector<float> out(static_cast<size_t>(ceil_div(columns, kPanel) * kPanel * depth));
  for (int64_t column = 0; column < columns; ++column) {
    float* to = out.data() + column / kPanel * kPanel * depth + column % kPanel;
    for (int64_t k = 0; k < depth; ++k) to[k * kPanel] = from[k * k_stride + column * column_stride];
  }
  return out;
}

// Sum of the products of two rows of `n` floats, a multiple of the lanes: two sums, so that one addition need not wait
// for the one before.
inline float dot(const float* a, const float* b, int64_t n) {
  Vec even = {}, odd = {};
  int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    even += load(a + i) * load(b + i);
    odd += load(a + i + kLanes) * load(b + i + kLanes);
  }
  if (i < n) even += load(a + i) * load(b + i);
  return sum_lanes(even + odd);
}

}  // namespace ladder
