#pragma once
// The order of accesses, for the race detector. Barriers order whole warps, so one vector clock per warp suffices
// between warps. Within a warp, only sync_warp and barriers order the lanes. A lane that waits at an mbarrier alone
// keeps what it has seen to itself, until it is ordered with the other lanes.
#include <algorithm>
#include <cstdint>

namespace videoclip {
namespace emulator {

constexpr int kWarpLanes = 32;
constexpr int kMaxWarps = 32;
// The clocks: one per warp for the accesses of its threads, one per warp for the reads of its wgmma instructions, whose
// time is the number of their group, and one for all tensor copies, whose time is the number of the copy.
constexpr int kWgmmaClocks = kMaxWarps, kTensorCopyClock = 2 * kMaxWarps, kClocks = 2 * kMaxWarps + 1;

struct WarpClock {
  uint32_t now = 1;     // increases when all lanes are ordered with each other
  uint32_t synced = 0;  // the time until which all lanes have been ordered with each other
  // of each clock: accesses up to this time are ordered before the next ones of this warp
  uint32_t seen[kClocks] = {};
};

inline void join(uint32_t* into, const uint32_t* from) {
  for (int c = 0; c < kClocks; ++c) into[c] = std::max(into[c], from[c]);
}

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
