#pragma once
// max_pool3d: y[n,t,h,w,c] = max of x over the window; padding counts as -inf, or as 0 (the zeros then take part).
//
// in  0 x [N, T, H, W, C] channels-last, may be a channel slice    out 0 y [N, T', H', W', C]
// attrs  kernel T H W, stride, low padding, high padding, zero padding (0 or 1)
// A ceil-mode window may reach past the padding; what lies there never counts. T', H', W' come with the output's shape.
#include "runtime/kernel.h"
