#pragma once
// The threads that share a row: a warp (8 rows a block) or, where rows are long, a block. Sums over them have the same
// bits in each of them; which elements a thread has follows from the length of the row alone.
#include "cuda/primitives/memory.h"
#include "cuda/primitives/warp.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {

constexpr int kTeamThreads = 256;
constexpr int kTeamWarps = kTeamThreads / kWarpSize;
constexpr int64_t kWideRow = 1024;  // elements from which on a block takes a row
constexpr size_t kTeamBytes = kTeamWarps * sizeof(float);

template <bool kWide>
struct RowTeam {
  static constexpr int kSize = kWide ? kTeamThreads : kWarpSize;
  int64_t row;
  int thread;

  VC_DEVICE RowTeam()
      : row(kWide ? int64_t{blockIdx.x} : int64_t{blockIdx.x} * kTeamWarps + warp_id()),
        thread(kWide ? static_cast<int>(threadIdx.x) : lane_id()) {}

  VC_DEVICE float sum(float x) const {
    x = warp_sum(x);
    if constexpr (kWide) {
      const Shared<float> partial = shared_array<float>(0, kTeamWarps);
      if (lane_id() == 0) partial.store(static_cast<uint32_t>(warp_id()), x);
      sync_threads();
      x = 0;
#pragma unroll
      for (uint32_t w = 0; w < kTeamWarps; ++w) x += partial.load(w);
      sync_threads();
    }
    return x;
  }

  VC_DEVICE float largest(float x) const {
    x = warp_max(x);
    if constexpr (kWide) {
      const Shared<float> partial = shared_array<float>(0, kTeamWarps);
      if (lane_id() == 0) partial.store(static_cast<uint32_t>(warp_id()), x);
      sync_threads();
      x = partial.load(0);
#pragma unroll
      for (uint32_t w = 1; w < kTeamWarps; ++w) x = max(x, partial.load(w));
      sync_threads();
    }
    return x;
  }
};

// Blocks for `rows` rows of `length` elements.
inline unsigned team_blocks(int64_t rows, int64_t length) {
  return static_cast<unsigned>(length > kWideRow ? rows : (rows + kTeamWarps - 1) / kTeamWarps);
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
