#pragma once
// The tiles of the tensor-core kernel: 4 warps, with K and V in tiles of 64 keys and two stages of each. The numbers
// follow from registers (64 K per SM) and shared memory (227 KB on sm_90, 163 KB on sm_80).
#include <cstddef>

#include "cuda/primitives/target.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace attention {

constexpr int kWarps = 4;
// 64 keys: scores of 16 queries take 32 registers, and sequences of 64 or less (most texts) have a single tile.
constexpr int kKeys = 64;

template <int kHeadSize, int kFragments, int kBlocksPerSm>
struct Tile {
  static constexpr int kHead = kHeadSize;       // channels, padded with zeros
  static constexpr int kRowTiles = kFragments;  // fragments of 16 queries per warp
  static constexpr int kBlocks = kBlocksPerSm;  // resident blocks that registers and shared memory should allow
  static constexpr int kThreads = kWarps * kWarpSize;
  static constexpr int kWarpQueries = 16 * kFragments, kQueries = kWarps * kWarpQueries;
  static constexpr int kChunks = kHead / 8;          // chunks of 16 bytes per row
  static constexpr uint32_t kStage = kKeys * kHead;  // elements of one K or V tile
  static constexpr size_t kSharedBytes = 2 * (size_t{kQueries} * kHead + 4 * kStage);
  static_assert(kHead == 16 || kHead == 32 || kHead == 64 || kHead == 128, "swizzled rows");
};

// One fragment of queries per warp: for up to 64 queries, which then make one block. At 64 channels, sums, scores and q
// take 80 registers, and a block takes 40 KB.
using Tile16 = Tile<16, 1, 5>;
using Tile32 = Tile<32, 1, 5>;
using Tile64 = Tile<64, 1, 4>;
// Two fragments per warp: each fragment of K and V is used twice; otherwise its reads of shared memory would take as
// long as the products. At 64 channels, sums, scores and q take 160 registers, and a block takes 48 KB.
using Tile32x2 = Tile<32, 2, 3>;
using Tile64x2 = Tile<64, 2, 2>;
// Sums, scores and q take 128 registers, and a block takes 80 KB, which leaves no room for two fragments.
using Tile128 = Tile<128, 1, 2>;

// Two fragments are used where they pad the queries no further, or hardly.
inline bool takes_two_fragments(int queries) {
  const int blocks = (queries + 63) / 64;
  return blocks % 2 == 0 || blocks > 4;
}

}  // namespace attention
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
