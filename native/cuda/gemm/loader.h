#pragma once
// Copies an operand to a tile in shared memory: kRows rows of 128 bytes. The index of each 16-byte chunk is combined by
// exclusive or with a pattern of the row (a swizzle), which spreads the chunks over the banks.
#include "cuda/gemm/operands.h"
#include "cuda/gemm/tiles.h"
#include "cuda/primitives/async_copy.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace gemm {

template <typename T>
constexpr int kStep = kRowBytes / static_cast<int>(sizeof(T));  // values of K per step

// Index of an element in a tile whose row has the given pattern (0 to 7).
template <typename T>
VC_DEVICE uint32_t tile_at(int row, int column, int pattern) {
  constexpr int kChunk = 16 / static_cast<int>(sizeof(T));
  return static_cast<uint32_t>(row * kStep<T> + (((column / kChunk) ^ pattern) * kChunk) + column % kChunk);
}

// Index of an element in a tile that is contiguous along the rows, for an operand stored [K][rows]. The tile consists
// of blocks of kStep lines of 128 bytes. The matrices of 8 lines that ldmatrix.trans reads are in 8 different bank
// groups.
template <typename T>
VC_DEVICE uint32_t line_at(int k, int row) {
  constexpr int kLine = kStep<T>;
  return static_cast<uint32_t>(row / kLine * kStep<T> * kLine) + tile_at<T>(k, row % kLine, k % 8);
}

// Factors of A: one per clip and column.
template <typename T>
struct InputScale {
  Global<const T> factors;  // [clips, K]
  int64_t stride;           // distance between clips
  FastDivmod clip_rows;
};

// One copy moves V elements: 16, 8 or 4 bytes by cp.async. cp.async cannot copy 2 bytes, so pairs are gathered in
// registers. Consecutive threads copy consecutive elements of a row. A thread always copies the same column of the
// tile, so it decodes the column once per step.
template <typename T, int V, int kRows, class Tile, class Math, class Operand>
class Loader {
  static constexpr int kBytes = V * static_cast<int>(sizeof(T));
  static constexpr bool kGathers = kBytes < 4;
  static constexpr int kWidth = kGathers ? 2 : V;
  static constexpr int kCopies = kStep<T> / kWidth;  // per row
  static constexpr int kThreads = Tile::kThreads;
  static constexpr int kPassRows = kThreads / kCopies;  // rows that the block copies at once
  static constexpr int kPasses = kRows / kPassRows;
  // a larger factor would keep the offsets of many rows in registers
  static constexpr int kUnroll = kPasses < 8 ? kPasses : Tile::kSums > 96 ? 4 : 8;
  static_assert(kThreads % kCopies == 0 && kRows % kPassRows == 0, "whole passes");
  // Rows from a table are kept in registers when enough are free. With 128 sums per thread they would spill.
  static constexpr bool kKeeps = Operand::kTableBytes > 0 && kBytes == 16 && Tile::kSums <= 96;
  static_assert(!kKeeps || kPasses <= kUnroll, "arrays in registers need whole unrolling");

 public:
  // Call this after the barrier that follows fill_table.
  VC_DEVICE explicit Loader(const Operand& operand)
      : operand_(operand),
        row_(static_cast<int>(threadIdx.x) / kCopies),
        column_(static_cast<int>(threadIdx.x) % kCopies * kWidth) {
    if constexpr (kKeeps) {
#pragma unroll
      for (int i = 0; i < kPasses; ++i) kept_[i] = operand.row(row_ + i * kPassRows);
    }
  }

  VC_DEVICE void load(Shared<T> tile, int step) const {
    const int k = step * kStep<T> + column_;
    const auto column = operand_.column(k);
    if constexpr (kGathers) {
      const auto next = operand_.column(k + 1);
#pragma unroll 4
      for (int i = 0; i < kPasses; ++i) {
        const int r = row_ + i * kPassRows;
        const auto row = operand_.row(r);
        Packed<T, 2> pair = {};
        if (Operand::valid(row, column)) pair[0] = operand_.data().load(address(row.offset + column.offset));
        if (Operand::valid(row, next)) pair[1] = operand_.data().load(address(row.offset + next.offset));
        tile.template store_packed<2>(tile_at<T>(r, column_, Math::pattern(r)), pair);
      }
    } else {
#pragma unroll kUnroll
      for (int i = 0; i < kPasses; ++i) {
        const int r = row_ + i * kPassRows;
        const auto row = kKeeps ? kept_[kKeeps ? i : 0] : operand_.row(r);
        const bool valid = Operand::valid(row, column);
        cp_async<kBytes>(tile, tile_at<T>(r, column_, Math::pattern(r)), operand_.data(),
                         valid ? address(row.offset + column.offset) : 0, valid);
      }
    }
  }

  // Multiplies rows `first` to `end` - 1 of the matrix by their factors. Each thread multiplies the elements that it
  // copied itself, so no barrier is needed.
  VC_DEVICE void scale(Shared<T> tile, int step, const Matrix<T>& matrix, int first, int end,
                       const InputScale<T>& by) const {
    const int k = step * kStep<T> + column_;
#pragma unroll 2
    for (int i = 0; i < kPasses; ++i) {
      const int r = row_ + i * kPassRows;
      if (first + r >= end || k >= matrix.columns) continue;
      const uint32_t at = tile_at<T>(r, column_, Math::pattern(r));
      const size_t from = address(by.clip_rows.divide(first + r) * by.stride + k);
      Packed<T, kWidth> x = tile.template load_packed<kWidth>(at), factor = {};
      if constexpr (kGathers) {
        factor[0] = by.factors.load(from);
        if (k + 1 < matrix.columns) factor[1] = by.factors.load(from + 1);
      } else {
        factor = by.factors.template load_packed<kWidth>(from);
      }
#pragma unroll
      for (int e = 0; e < kWidth; ++e) x[e] = from_float<T>(to_float(x[e]) * to_float(factor[e]));
      tile.template store_packed<kWidth>(at, x);
    }
  }

 private:
  VC_DEVICE static size_t address(int64_t offset) { return static_cast<size_t>(offset); }

  const Operand operand_;  // by value: a reference would keep it in memory, to be read again for each copy
  int row_, column_;
  typename Operand::Row kept_[kKeeps ? kPasses : 1];
};

}  // namespace gemm
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
