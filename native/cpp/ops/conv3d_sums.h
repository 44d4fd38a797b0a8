#pragma once
// conv3d_sums: conv3d, but for depthwise ones, that also gives sums of its outputs over the positions of each clip
//
// in, attrs   as conv3d
// out s y_s   as conv3d, and behind them
//       sums  [N, parts, Cout] f32 dense: sums over positions (T', H', W' in this order) 64 p to 64 p + 63 of a clip
#include "ops/conv3d.h"

namespace videoclip {

constexpr int kSumPositions = 64;  // of a part

}  // namespace videoclip
