#pragma once
// Copies an operand stored [K][rows] to a tile in shared memory with the same order (line_at). Consecutive threads copy
// along a line, so that both sides are accessed in whole sectors.
#include "cuda/gemm/loader.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace gemm {

// One copy moves V elements. Pairs of 16-bit values at odd addresses go through registers.
template <typename T, int V, int kRows, class Tile>
class LineLoader {
  static constexpr int kBytes = V * static_cast<int>(sizeof(T));
  static constexpr bool kGathers = kBytes < 4;
  static constexpr int kWidth = kGathers ? 2 : V;
  static constexpr int kCopies = kRows / kWidth;               // per line
  static constexpr int kPassLines = Tile::kThreads / kCopies;  // lines that the block copies at once
  static constexpr int kPasses = kStep<T> / kPassLines;
  static constexpr int kUnroll = kPasses < 8 ? kPasses : 8;
  static_assert(kRows % kStep<T> == 0 && Tile::kThreads % kCopies == 0 && kStep<T> % kPassLines == 0, "whole passes");

 public:
  // Element (k, row) of `data` is at k * stride + row.
  VC_DEVICE LineLoader(Global<const T> data, int64_t stride, int rows, int K, int first)
      : data_(data),
        stride_(stride),
        K_(K),
        line_(static_cast<int>(threadIdx.x) / kCopies),
        row_(static_cast<int>(threadIdx.x) % kCopies * kWidth),
        from_(first + row_),
        valid_(first + row_ < rows),
        both_(first + row_ + 1 < rows) {}

  VC_DEVICE void load(Shared<T> tile, int step) const {
#pragma unroll kUnroll
    for (int i = 0; i < kPasses; ++i) {
      const int line = line_ + i * kPassLines, k = step * kStep<T> + line;
      const bool valid = valid_ && k < K_;
      const size_t at = valid ? static_cast<size_t>(k * stride_ + from_) : 0;
      if constexpr (kGathers) {
        Packed<T, 2> pair = {};
        if (valid) pair[0] = data_.load(at);
        if (valid && both_) pair[1] = data_.load(at + 1);
        tile.template store_packed<2>(line_at<T>(line, row_), pair);
      } else {
        cp_async<kBytes>(tile, line_at<T>(line, row_), data_, at, valid);
      }
    }
  }

 private:
  Global<const T> data_;
  int64_t stride_;
  int K_, line_, row_, from_;
  bool valid_, both_;
};

}  // namespace gemm
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
