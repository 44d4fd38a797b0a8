#pragma once
// What is ordered before what, for the race detector. Barriers order whole warps, so between warps a vector clock per
// warp is enough; inside a warp only sync_warp and barriers order the lanes.
#include <algorithm>
#include <cstdint>

namespace videoclip {
namespace emulator {

constexpr int kWarpLanes = 32;
constexpr int kMostWarps = 32;

struct WarpClock {
  uint32_t now = 1;                // rises whenever the warp arrives at a barrier
  uint32_t seen[kMostWarps] = {};  // of each warp: accesses up to this time are ordered before the warp's next ones
};

struct LaneClock {
  uint32_t now = 1;                // rises whenever the lane is ordered with others of its warp
  uint32_t seen[kWarpLanes] = {};  // of each lane of the warp, as above
  uint32_t seen_all = 0;           // the least of the others' entries in `seen`
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
  // A lane's own entry never decides anything; counting it in `seen_all` is right because it is its present time.
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
