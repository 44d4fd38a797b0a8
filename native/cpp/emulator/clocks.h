#pragma once
// The order of accesses, for the race detector. Barriers order whole warps, so one vector clock per warp suffices
// between warps. Within a warp, only sync_warp and barriers order the lanes.
#include <algorithm>
#include <cstdint>

namespace videoclip {
namespace emulator {

constexpr int kWarpLanes = 32;
constexpr int kMaxWarps = 32;

struct WarpClock {
  uint32_t now = 1;  // increases when the warp arrives at a barrier
  // of each warp: accesses up to this time are ordered before the next ones of this warp
  uint32_t seen[kMaxWarps] = {};
};

struct LaneClock {
  uint32_t now = 1;                // increases when the lane is ordered with other lanes of its warp
  uint32_t seen[kWarpLanes] = {};  // the same for each lane of the warp
  uint32_t seen_all = 0;           // the smallest entry of the other lanes in `seen`
};

// Orders all earlier accesses of the lanes in `mask` before all their later ones.
inline void order_lanes(LaneClock* const clocks[kWarpLanes], uint32_t mask) {
  uint32_t joined[kWarpLanes];
  for (int l = 0; l < kWarpLanes; ++l) {
    joined[l] = clocks[l]->now;
    if (mask >> l & 1) continue;
    joined[l] = 0;
    for (int k = 0; k < kWarpLanes; ++k) {
      if (mask >> k & 1) joined[l] = std::max(joined[l], clocks[k]->seen[l]);
    }
  }
  // A lane's own entry decides nothing. It may be included in `seen_all`, because it is the lane's current time.
  const uint32_t least = *std::min_element(joined, joined + kWarpLanes);
  for (int l = 0; l < kWarpLanes; ++l) {
    if (!(mask >> l & 1)) continue;
    std::copy_n(joined, kWarpLanes, clocks[l]->seen);
    clocks[l]->seen_all = least;
    ++clocks[l]->now;
  }
}

}  // namespace emulator
}  // namespace videoclip
