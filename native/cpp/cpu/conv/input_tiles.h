#pragma once
// Matrix products of rows with packed weights (panels.h), where the inputs are packed too. A tile of at most kTileRows
// rows is stored as [depth][rows], so that a product reads two streams, whatever the distance between rows. (Rows that
// are a multiple of 4 KB apart all map to one set of the L1 cache: with 3072 features that would halve the speed.)
//
// An output is one sum over k in rising order, which starts at zero and is accumulated by fused multiply-add, as in
// gemm_tile.h. It depends neither on the tile nor on the block of k nor on the threads.
#include <utility>

#include "cpu/primitives/lanes.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

constexpr int64_t kAheadDepth = 8;  // values of k from the one in use to the one being prefetched: 1 KB of a panel

// Memory that is read after this product, and is prefetched into the L2 cache during it: `step` bytes per value of k.
struct Later {
  const char* data;
  int64_t step;
};

// sums [kRows][kVectors kLanes] += a [depth][kRows] times b [depth][kVectors kLanes]; from zero when `first`.
template <int kVectors, int kRows>
__attribute__((noinline)) void input_tile(const float* a, int64_t depth, const float* b, bool first, float* sums,
                                          Later later) {
  Vec c[kRows][kVectors] = {};
  if (!first) {
#pragma GCC unroll 14
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < kVectors; ++v) c[r][v] = load(sums + (r * kVectors + v) * kLanes);
    }
  }
  for (int64_t k = 0; k < depth; ++k, a += kRows, b += kVectors * kLanes, later.data += later.step) {
    __builtin_prefetch(later.data, 0, 2);
    Vec w[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      w[v] = load(b + v * kLanes);
      __builtin_prefetch(b + kAheadDepth * kVectors * kLanes + v * kLanes);
    }
#pragma GCC unroll 14
    for (int r = 0; r < kRows; ++r) {
      const Vec x = splat(a[r]);
      for (int v = 0; v < kVectors; ++v) c[r][v] += x * w[v];
    }
  }
#pragma GCC unroll 14
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) store(sums + (r * kVectors + v) * kLanes, c[r][v]);
  }
}

using InputTile = void (*)(const float*, int64_t, const float*, bool, float*, Later);

template <int kVectors, int... kRows>
inline InputTile input_tile_of(int rows, std::integer_sequence<int, kRows...>) {
  static constexpr InputTile kTiles[] = {input_tile<kVectors, kRows + 1>...};
  return kTiles[rows - 1];
}

// The product for tiles of `rows` rows and panels of `width` columns.
inline InputTile input_tile_of(int rows, int64_t width) {
  constexpr auto kRows = std::make_integer_sequence<int, kTileRows>();
  return width == kPanel ? input_tile_of<2>(rows, kRows) : input_tile_of<1>(rows, kRows);
}

// Unused floats after a packed tile, which its last vector may write to.
constexpr int64_t kTileSlack = kLanes;

// Packs `rows` rows of `depth` floats, `stride` apart, to [depth][rows]. Rows from `used` on are zero.
inline void pack_input_tile(const float* in, int64_t stride, int rows, int used, int64_t depth, float* out) {
  for (int64_t k = 0; k < depth; k += kLanes) {
    const int64_t n = min64(kLanes, depth - k);
    // The last group goes first: the groups that follow overwrite what it stores beyond its rows.
    for (int group = (rows - 1) / kLanes * kLanes; group >= 0; group -= kLanes) {
      Vec block[kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) {
        block[i] = group + i < used ? load_some(in + (group + i) * stride + k, n) : Vec{};
      }
      transpose(block);
      for (int64_t j = 0; j < n; ++j) store(out + (k + j) * rows + group, block[j]);
    }
  }
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
