#pragma once
// space_to_depth: cells of 2 x 2 x 2 positions become channels; channel ((dt * 2 + dh) * 2 + dw) * C + c.
//
// in  0 x [N, T, H, W, C]    out 0 y [N, T/2, H/2, W/2, 8 C]
// Elements of 1, 2 or 4 bytes.
#include "runtime/kernel.h"
