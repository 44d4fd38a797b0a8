#pragma once
// conv3d_sums: conv3d that also gives sums of its outputs over parts of the positions of each clip
//
// in          as conv3d, and the attributes too; a depthwise window has a height
// out s y_s   as conv3d, and behind them
//       sums  [N, parts, Cout] f32 dense: sums over positions (T', H', W' in this order) 64 p to 64 p + 63 of a clip;
//       of
//             depthwise convolutions over 8 lines of a frame (T', H' / 8 rounded up, in this order)
#include "ops/conv/conv3d.h"

namespace videoclip {

constexpr int kSumPositions = 64, kSumLines = 8;  // of a part

}  // namespace videoclip
