#pragma once
// Warp or block reductions over rows. A row is shared by a warp (8 rows per block) or, if it is long, by a block. A sum
// has the same bits in every thread of the group. The elements of a thread follow from the length of the row alone.
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/memory.h"
#include "cuda/primitives/warp.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {

constexpr int kRowGroupThreads = 256;
constexpr int kRowGroupWarps = kRowGroupThreads / kWarpSize;
constexpr int64_t kWideRow = 1024;  // rows of more elements than this take a block
constexpr size_t kRowGroupBytes = kRowGroupWarps * sizeof(float);

template <bool kWide>
struct RowGroup {
  static constexpr int kSize = kWide ? kRowGroupThreads : kWarpSize;
  int64_t row;
  int thread;

  VC_DEVICE RowGroup()
      : row(kWide ? int64_t{blockIdx.x} : int64_t{blockIdx.x} * kRowGroupWarps + warp_id()),
        thread(kWide ? static_cast<int>(threadIdx.x) : lane_id()) {}

  VC_DEVICE float sum(float x) const {
    x = warp_sum(x);
    if constexpr (kWide) {
      float values[kRowGroupWarps];
      gather(x, values);
      x = 0;
#pragma unroll
      for (float value : values) x += value;
    }
    return x;
  }

  VC_DEVICE float largest(float x) const {
    x = warp_max(x);
    if constexpr (kWide) {
      float values[kRowGroupWarps];
      gather(x, values);
      x = values[0];
#pragma unroll
      for (float value : values) x = max(x, value);
    }
    return x;
  }

 private:
  // The values of all warps of the block, in order.
  VC_DEVICE static void gather(float x, float (&values)[kRowGroupWarps]) {
    const Shared<float> partial = shared_array<float>(0, kRowGroupWarps);
    if (lane_id() == 0) partial.store(static_cast<uint32_t>(warp_id()), x);
    sync_threads();
#pragma unroll
    for (uint32_t w = 0; w < kRowGroupWarps; ++w) values[w] = partial.load(w);
    sync_threads();
  }
};

// Launches a kernel over p.rows rows of p.C elements: one block per row if rows are long, otherwise one warp per row.
template <auto kBlockPerRow, auto kWarpPerRow, class Arguments>
Status launch_rows(const Arguments& p, Stream stream) {
  if (p.C > kWideRow) return launch<kBlockPerRow>(Grid{p.rows}, kRowGroupThreads, kRowGroupBytes, stream, p);
  const Grid grid{(p.rows + kRowGroupWarps - 1) / kRowGroupWarps};
  return launch<kWarpPerRow>(grid, kRowGroupThreads, 0, stream, p);
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
