#pragma once
// The tiles of the matrix products, and which layer gets which. The choice follows from the layer alone (columns, rows
// per clip), never from the number of clips. None of the numbers is measured on a device yet: they follow from
// registers (64 K per SM) and shared memory (227 KB on sm_90, 163 KB on sm_80, at most 99 KB a block on sm_86 and
// sm_89).
#include "cuda/primitives/target.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace gemm {

// A row of a tile in shared memory: 128 bytes, which the swizzle spreads over all banks; 64 values of bf16, 32 of f32.
constexpr int kRowBytes = 128;

template <int kRows, int kColumns, int kWarpRows_, int kWarpColumns_, int kStageCount, int kBlocksPerSm>
struct Tile {
  static constexpr int kM = kRows, kN = kColumns;
  static constexpr int kWarpsM = kRows / kWarpRows_, kWarpsN = kColumns / kWarpColumns_;
  static constexpr int kWarpRows = kWarpRows_, kWarpColumns = kWarpColumns_;  // outputs of one warp
  static constexpr int kThreads = kWarpsM * kWarpsN * kWarpSize;
  static constexpr int kSums = kRows * kColumns / kThreads;  // of one thread
  static constexpr int kStages = kStageCount;
  static constexpr int kBlocks = kBlocksPerSm;  // that registers and shared memory are meant to allow
  static constexpr uint32_t kStageBytes = (kRows + kColumns) * kRowBytes;
  static_assert(kRows % kWarpRows_ == 0 && kColumns % kWarpColumns_ == 0, "whole warps");
  static_assert(kStages * kStageBytes >= kRows * kColumns * sizeof(float),
                "the f32 outputs take the place of the stages");
};

// 4 warps of 64 x 64: a step reads fragments of 4 x (8 + 8) KB, writes 32 KB, and multiplies for about as many cycles
// of mma.sync (8 warps of 64 x 32 would read 1.5 times as much and wait for shared memory). 128 sums a thread; 2 x 98
// KB.
using Tile128x128 = Tile<128, 128, 64, 64, 3, 2>;
// For 96, 192, 288: the columns that 128 would pad by a third. 96 sums a thread; 2 x 86 KB.
using Tile128x96 = Tile<128, 96, 64, 48, 3, 2>;
// For 64 columns and their odd multiples: 4 warps of 64 x 32; 3 x 74 KB.
using Tile128x64 = Tile<128, 64, 64, 32, 3, 3>;
// For the reductions to 16, 24 and 32 channels, bound by the bytes of A; 3 x 62 KB.
using Tile128x32 = Tile<128, 32, 32, 32, 3, 3>;
// For layers of few positions, where tiles of 128 rows leave SMs idle; long K, so a stage more; 3 x 65 KB.
using Tile64x64 = Tile<64, 64, 32, 32, 4, 3>;
// Plain f32: 8 x 8 sums a thread balance 16 loads of shared memory against 256 FMA. With 3 blocks registers would
// spill.
using TileF32 = Tile<128, 64, 32, 64, 3, 2>;

// Rows of one clip up to which tiles have 64 rows: 14 x 14 pixels of one frame, 7 x 7 of four.
constexpr int64_t kFewRows = 256;

// f(Tile{}) with the tile for a layer of `columns` outputs and `clip_rows` positions in each clip: the fewest padded
// columns, where each tile also pays 16 columns' time for reading A again.
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
