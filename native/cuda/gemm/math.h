#pragma once
// The sums of one thread: products of a tile of A and a tile of B, on tensor cores or by FMA. `pattern` is the swizzle
// that keeps the reads free of bank conflicts. `stage` writes the sums to the f32 tile of the epilogue.
#include "cuda/gemm/loader.h"
#include "cuda/primitives/math.h"
#include "cuda/primitives/mma.h"
#include "cuda/primitives/warp.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace gemm {

// Index in the f32 tile of the epilogue. Chunks of 4 floats are swizzled so that accesses to pairs of an mma fragment
// (4 rows x 2 chunks per half warp) and to whole rows are both free of bank conflicts.
template <class Tile>
VC_DEVICE uint32_t staged_at(int row, int column) {
  return static_cast<uint32_t>(row * Tile::kN + ((column / 4) ^ (row % 4 * 2)) * 4 + column % 4);
}

// mma.m16n8k16 for bf16 and f16; mma.m16n8k8 for float rounded to tf32. Both read 32 bytes of a row per step. A
// transposed operand is contiguous along its rows in shared memory (line_at in loader.h); ldmatrix transposes it, for
// 16-bit values only.
template <typename T, class Tile, bool kTransposedA = false, bool kTransposedB = false>
class TensorCores {
  static_assert(Tile::kWarpRows % 16 == 0 && Tile::kWarpColumns % 16 == 0, "fragments of A, pairs of fragments of B");
  static constexpr int kChunk = 16 / static_cast<int>(sizeof(T));
  static_assert(sizeof(T) == 2 || !(kTransposedA || kTransposedB), "no ldmatrix.trans of 32 bits");

 public:
  static constexpr int kI = Tile::kWarpRows / 16, kJ = Tile::kWarpColumns / 8;  // fragments of A and B
  // The 8 rows of one chunk column that a matrix of ldmatrix reads are in 8 different bank groups.
  VC_DEVICE static constexpr int pattern(int row) { return row % 8; }

  VC_DEVICE void accumulate(Shared<T> a_tile, Shared<T> b_tile) {
    const int lane = lane_id();
#pragma unroll
    for (int chunk = 0; chunk < 8; chunk += 2) {
      uint32_t a[kI][4], b[kJ][2];
#pragma unroll
      for (int i = 0; i < kI; ++i) {
        if constexpr (kTransposedA) {
          const int k = chunk * kChunk + lane / 16 * 8 + lane % 8;
          ldmatrix_x4_trans(a[i], a_tile, line_at<T>(k, warp_row() + i * 16 + lane / 8 % 2 * 8));
        } else {
          const int row = warp_row() + i * 16 + lane % 16;
          ldmatrix_x4(a[i], a_tile, tile_at<T>(row, (chunk + lane / 16) * kChunk, pattern(row)));
        }
      }
#pragma unroll
      for (int j = 0; j < kJ; j += 2) {
        uint32_t both[4];
        if constexpr (kTransposedB) {
          const int k = chunk * kChunk + lane / 8 % 2 * 8 + lane % 8;
          ldmatrix_x4_trans(both, b_tile, line_at<T>(k, warp_column() + j * 8 + lane / 16 * 8));
        } else {
          const int row = warp_column() + j * 8 + lane / 16 * 8 + lane % 8;
          ldmatrix_x4(both, b_tile, tile_at<T>(row, (chunk + lane / 8 % 2) * kChunk, pattern(row)));
        }
        b[j][0] = both[0], b[j][1] = both[1], b[j + 1][0] = both[2], b[j + 1][1] = both[3];
      }
      if constexpr (sizeof(T) == 4) {
        round_to_tf32(&a[0][0], kI * 4);
        round_to_tf32(&b[0][0], kJ * 2);
      }
      multiply(a, b);
    }
  }

  // Adds the products of the fragments of one step of 32 bytes.
  VC_DEVICE void multiply(const uint32_t (&a)[kI][4], const uint32_t (&b)[kJ][2]) {
#pragma unroll
    for (int i = 0; i < kI; ++i) {
#pragma unroll
      for (int j = 0; j < kJ; ++j) {
        if constexpr (sizeof(T) == 4) {
          mma_m16n8k8_tf32(sums_[i][j], a[i], b[j]);
        } else {
          mma_m16n8k16<T>(sums_[i][j], a[i], b[j]);
        }
      }
    }
  }

  // The sums of a thread as a grid of rows and columns. The lanes that have the same rows differ in the low bits of
  // their number, those that have the same columns in the others.
  static constexpr int kRows = kI * 2, kColumns = kJ * 2, kLanesPerRow = 4;
  VC_DEVICE static int row(int r) { return warp_row() + r / 2 * 16 + r % 2 * 8 + lane_id() / 4; }
  VC_DEVICE static int column(int c) { return warp_column() + c / 2 * 8 + lane_id() % 4 * 2 + c % 2; }
  VC_DEVICE float at(int r, int c) const { return sums_[r / 2][c / 2][r % 2 * 2 + c % 2]; }

  // The first row and column of the warp.
  VC_DEVICE static int warp_row() { return warp_id() / Tile::kWarpsN * Tile::kWarpRows; }
  VC_DEVICE static int warp_column() { return warp_id() % Tile::kWarpsN * Tile::kWarpColumns; }

  VC_DEVICE void stage(Shared<float> staged) const {
#pragma unroll
    for (int i = 0; i < kI; ++i) {
#pragma unroll
      for (int j = 0; j < kJ; ++j) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          staged.store_packed<2>(staged_at<Tile>(row(i * 2 + half), column(j * 2)),
                                 {{sums_[i][j][half * 2], sums_[i][j][half * 2 + 1]}});
        }
      }
    }
  }

 private:
  VC_DEVICE static void round_to_tf32(uint32_t* values, int count) {
#pragma unroll
    for (int i = 0; i < count; ++i) values[i] = to_tf32(bits_to_float(values[i]));
  }

  float sums_[kI][kJ][4] = {};
};

// f32: a warp computes 32 x 64 sums with 4 x 8 lanes. A lane has two groups of 4 neighbouring rows and two groups of 4
// neighbouring columns.
template <class Tile, bool kTransposedA = false, bool kTransposedB = false>
class PlainFma {
  static_assert(Tile::kWarpRows == 32 && Tile::kWarpColumns == 64, "8 x 8 sums a lane");

 public:
  // As in TensorCores.
  static constexpr int kRows = 8, kColumns = 8, kLanesPerRow = 8;
  VC_DEVICE static int row(int r) { return warp_id() / Tile::kWarpsN * 32 + r / 4 * 16 + lane_id() / 8 * 4 + r % 4; }
  VC_DEVICE static int column(int c) { return warp_id() % Tile::kWarpsN * 64 + c / 4 * 32 + lane_id() % 8 * 4 + c % 4; }
  VC_DEVICE float at(int r, int c) const { return sums_[r][c]; }

  // Neighbouring lanes read rows of B that are 4 apart.
  VC_DEVICE static constexpr int pattern(int row) { return row / 4 % 8; }

  VC_DEVICE void accumulate(Shared<float> a_tile, Shared<float> b_tile) {
#pragma unroll 1
    for (int chunk = 0; chunk < 8; ++chunk) {
      Packed<float, 4> a[8];  // [row][k], or two vectors for each k
      if constexpr (kTransposedA) {
#pragma unroll
        for (int e = 0; e < 8; ++e) a[e] = a_tile.load_packed<4>(line_at<float>(chunk * 4 + e / 2, row(e % 2 * 4)));
      } else {
#pragma unroll
        for (int i = 0; i < 8; ++i) a[i] = a_tile.load_packed<4>(tile_at<float>(row(i), chunk * 4, pattern(row(i))));
      }
#pragma unroll
      for (int j = 0; j < 8; j += kTransposedB ? 4 : 1) {
        Packed<float, 4> b[kTransposedB ? 4 : 1];  // [column][k], or [k][column]
        if constexpr (kTransposedB) {
#pragma unroll
          for (int e = 0; e < 4; ++e) b[e] = b_tile.load_packed<4>(line_at<float>(chunk * 4 + e, column(j)));
        } else {
          b[0] = b_tile.load_packed<4>(tile_at<float>(column(j), chunk * 4, pattern(column(j))));
        }
#pragma unroll
        for (int i = 0; i < 8; ++i) {
#pragma unroll
          for (int e = 0; e < 4; ++e) {
            const float x = kTransposedA ? a[e * 2 + i / 4][i % 4] : a[i][e];
            if constexpr (kTransposedB) {
#pragma unroll
              for (int c = 0; c < 4; ++c) sums_[i][j + c] = fma(x, b[e][c], sums_[i][j + c]);
            } else {
              sums_[i][j] = fma(x, b[0][e], sums_[i][j]);
            }
          }
        }
      }
    }
  }

  VC_DEVICE void stage(Shared<float> staged) const {
#pragma unroll
    for (int i = 0; i < 8; ++i) {
#pragma unroll
      for (int j = 0; j < 8; j += 4) {
        staged.store_packed<4>(staged_at<Tile>(row(i), column(j)),
                               {{sums_[i][j], sums_[i][j + 1], sums_[i][j + 2], sums_[i][j + 3]}});
      }
    }
  }

 private:
  float sums_[8][8] = {};
};

}  // namespace gemm
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
