#pragma once
// reduce_max_grad: dx[o, s, c] = dy[o, c] where s is the first with the maximum of x[o, :, c], else 0.
//
// in  0 x [..., S, C]   1 dy [..., C]    out 0 dx like x
#include "runtime/kernel.h"
