#pragma once
// The tiles of the matrix products, and the choice of a tile for a layer. The choice follows from the layer alone
// (columns, rows per clip), never from the number of clips. The numbers follow from registers (64 K per SM) and shared
// memory (227 KB on sm_90, 163 KB on sm_80, at most 99 KB per block on sm_86 and sm_89).
#include "cuda/primitives/sync.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace gemm {

// Bytes of a row of a tile in shared memory: 64 values of bf16 or 32 of f32. The swizzle spreads a row over all banks.
constexpr int kRowBytes = 128;

template <int kRows, int kColumns, int kWarpRows_, int kWarpColumns_, int kStageCount, int kBlocksPerSm>
struct Tile {
  static constexpr int kM = kRows, kN = kColumns;
  static constexpr int kWarpsM = kRows / kWarpRows_, kWarpsN = kColumns / kWarpColumns_;
  static constexpr int kWarpRows = kWarpRows_, kWarpColumns = kWarpColumns_;  // outputs of one warp
  static constexpr int kThreads = kWarpsM * kWarpsN * kWarpSize;
  static constexpr int kSums = kRows * kColumns / kThreads;  // sums per thread
  static constexpr int kStages = kStageCount;
  static constexpr int kBlocks = kBlocksPerSm;  // resident blocks that registers and shared memory should allow
  static constexpr uint32_t kStageBytes = (kRows + kColumns) * kRowBytes;
  // The outputs take the place of the stages.
  static constexpr uint32_t kStaged = 0, kStagedBytes = kStages * kStageBytes;
  static_assert(kRows % kWarpRows_ == 0 && kColumns % kWarpColumns_ == 0, "whole warps");
  VC_DEVICE static void sync() { sync_threads(); }
};

// 4 warps of 64 x 64. A step reads fragments of 4 x (8 + 8) KB, writes 32 KB, and multiplies for about as many cycles
// of mma.sync. (8 warps of 64 x 32 would read 1.5 times as much and wait for shared memory.) 128 sums per thread; 2 x
// 98 KB.
using Tile128x128 = Tile<128, 128, 64, 64, 3, 2>;
// For 96, 192 and 288 columns, which a width of 128 would pad by a third. 96 sums per thread; 2 x 86 KB.
using Tile128x96 = Tile<128, 96, 64, 48, 3, 2>;
// For 64 columns and their odd multiples: 4 warps of 64 x 32; 3 x 74 KB.
using Tile128x64 = Tile<128, 64, 64, 32, 3, 3>;
// For reductions to 16, 24 and 32 channels, which are bound by the bytes of A; 3 x 62 KB.
using Tile128x32 = Tile<128, 32, 32, 32, 3, 3>;
// For layers of few positions, where tiles of 128 rows leave SMs idle. K is long there, so the tile has one more stage;
// 3 x 65 KB.
using Tile64x64 = Tile<64, 64, 32, 32, 4, 3>;
// f32 by FMA: 8 x 8 sums per thread balance 16 loads of shared memory against 256 FMA. With 3 blocks per SM the
// registers would spill.
using TileF32 = Tile<128, 64, 32, 64, 3, 2>;

// Tiles have 64 rows for layers of at most this many rows per clip: 14 x 14 pixels of one frame, or 7 x 7 of four.
constexpr int64_t kFewRows = 256;

// Calls f(Tile{}) with the tile for a layer of `columns` outputs and `clip_rows` positions per clip. It is the tile
// that pads the fewest columns, where each tile also costs the time of 16 columns for reading A again.
template <class F>
auto for_tile(int columns, int64_t clip_rows, F f) {
  if (clip_rows <= kFewRows) return f(Tile64x64{});
  int best = 0, least = 0;
  for (int width : {128, 96, 64, 32}) {
    const int cost = (columns + width - 1) / width * (width + 16);
    if (best == 0 || cost < least) best = width, least = cost;
  }
  if (best == 128) return f(Tile128x128{});
  if (best == 96) return f(Tile128x96{});
  if (best == 64) return f(Tile128x64{});
  return f(Tile128x32{});
}

}  // namespace gemm
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
