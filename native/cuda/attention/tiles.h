#pragma once
// The tiles of the tensor-core kernel. 4 warps; K and V in tiles of 64 keys, two stages of each. None of the numbers is
// measured on a device yet: they follow from registers (64 K per SM) and shared memory (227 KB on sm_90, 163 KB on
// sm_80).
#include <cstddef>

#include "cuda/primitives/target.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace attention {

constexpr int kWarps = 4;
// 64: scores of 16 queries take 32 registers, and sequences of 64 or less, most texts, have a single tile.
constexpr int kKeys = 64;

template <int kHeadSize, int kFragments, int kBlocksPerSm>
struct Tile {
  static constexpr int kHead = kHeadSize;       // channels, padded with zeros
  static constexpr int kRowTiles = kFragments;  // of 16 queries, of one warp
  static constexpr int kBlocks = kBlocksPerSm;  // that registers and shared memory are meant to allow
  static constexpr int kThreads = kWarps * kWarpSize;
  static constexpr int kWarpQueries = 16 * kFragments, kQueries = kWarps * kWarpQueries;
  static constexpr int kChunks = kHead / 8;          // of 16 bytes, in a row
  static constexpr uint32_t kStage = kKeys * kHead;  // elements of one K or V tile
  static constexpr size_t kSharedBytes = 2 * (size_t{kQueries} * kHead + 4 * kStage);
  static_assert(kHead == 16 || kHead == 32 || kHead == 64 || kHead == 128, "swizzled rows");
};

// One fragment of queries a warp: for up to 64 queries, which then make one block. 80 registers of sums, scores and q
// at 64 channels, 40 KB.
using Tile16 = Tile<16, 1, 5>;
using Tile32 = Tile<32, 1, 5>;
using Tile64 = Tile<64, 1, 4>;
// Two: each fragment of K and V, whose reads of shared memory would else take as long as the products, serves twice.
// 160 registers of sums, scores and q at 64 channels, 48 KB.
using Tile32x2 = Tile<32, 2, 3>;
using Tile64x2 = Tile<64, 2, 2>;
// 128 registers of sums, scores and q, 80 KB: no room for two fragments.
using Tile128 = Tile<128, 1, 2>;

// Two fragments where that pads the queries no further, or hardly.
inline bool takes_two_fragments(int queries) {
  const int blocks = (queries + 63) / 64;
  return blocks % 2 == 0 || blocks > 4;
}

}  // namespace attention
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
