#pragma once
// avg_pool3d: y[n,t,h,w,c] = sum of x over the window / number of positions (PyTorch's rule).
//
// in  0 x [N, T, H, W, C] channels-last, may be a channel slice    out 0 y [N, T', H', W', C]
// attrs  kernel T H W, stride, low padding, high padding, whether padding counts in the number of positions (0 or 1)
#include "runtime/kernel.h"
