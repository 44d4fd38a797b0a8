#pragma once
// Sums over a row, in an order that follows from its length alone.
#include "cpu/primitives/lanes.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

// The sum over a row of f(channel, lanes used). Four vectors are in flight, so that additions need not wait for each
// other.
template <typename F>
inline float sum_row(int64_t channels, const F& f) {
  Vec sum[4] = {};
  int64_t c = 0;
  for (; c + 4 * kLanes <= channels; c += 4 * kLanes) {
    for (int i = 0; i < 4; ++i) sum[i] += f(c + i * kLanes, kLanes);
  }
  for (; c < channels; c += kLanes) sum[0] += f(c, min64(kLanes, channels - c));
  return sum_lanes((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
