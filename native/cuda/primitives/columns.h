#pragma once
// Blocks of rows x columns, for ops that need values per channel or reduce over rows. A thread keeps its column (a
// vector of channels) and iterates over rows, so that values per channel are read once.
#include "cuda/primitives/memory.h"
#include "cuda/primitives/sync.h"
#include "cuda/primitives/vector.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {

constexpr int kColumnThreads = 256;

// A block has `per_block` neighbouring columns and processes `groups` rows at a time. The few threads beyond both are
// idle.
struct Columns {
  int count = 0, per_block = 1, groups = 1;
  int64_t blocks = 0;

  // most: the largest number of columns of a block
  explicit Columns(int64_t columns, int64_t most = kColumnThreads) {
    const int64_t split = (columns + most - 1) / most;
    if (columns == 0) return;
    count = static_cast<int>(columns);
    per_block = static_cast<int>((columns + split - 1) / split);
    groups = kColumnThreads / per_block;
    blocks = (columns + per_block - 1) / per_block;
  }
};

// Sums V channels per thread over the groups of the block, in order of the groups. Uses kBytes of shared memory.
template <int V>
struct ColumnSum {
  // Parts of 4 floats are stored at once. The second half of a vector of 8 is 16 banks further, so that reads of one
  // channel per thread are free of bank conflicts.
  static constexpr int kPart = V < 4 ? V : 4, kPlanes = V / kPart;
  static constexpr int kPlane = kColumnThreads * kPart + 16;
  static constexpr size_t kBytes = kPlanes * kPlane * sizeof(float);

  // Every thread of the block calls this, with zeros if it has no data. `store(channel, sum)` is called once for each
  // channel of the block's columns; channels are counted from the first one of the block.
  template <class F>
  static VC_DEVICE void run(const Columns& columns, const float (&own)[V], F store) {
    const Shared<float> shared = shared_array<float>(0, kPlanes * kPlane);
    const int thread = static_cast<int>(threadIdx.x);
#pragma unroll
    for (int plane = 0; plane < kPlanes; ++plane) {
      const auto at = static_cast<uint32_t>(plane * kPlane + thread * kPart);
      if constexpr (kPart == 1) {
        shared.store(at, own[0]);
      } else {
        Packed<float, kPart> part;
#pragma unroll
        for (int i = 0; i < kPart; ++i) part[i] = own[plane * kPart + i];
        shared.template store_packed<kPart>(at, part);
      }
    }
    sync_threads();
    for (int c = thread; c < columns.per_block * V; c += kColumnThreads) {
      const int column = c / V, i = c % V;
      float sum = 0;
      for (int g = 0; g < columns.groups; ++g) {
        sum += shared.load(
            static_cast<uint32_t>(i / kPart * kPlane + (g * columns.per_block + column) * kPart + i % kPart));
      }
      store(c, sum);
    }
  }
};

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
