#pragma once
// max_pool3d_grad: dx[p, c] = sum of dy over the windows whose maximum lies at p: the first of equal values in the
// order T, H, W. A zero of the padding that comes first takes its window's gradient away.
//
// in  0 x [N, T, H, W, C]   1 dy [N, T', H', W', C]; either may be a channel slice    out 0 dx like x
// Attributes as max_pool3d.
#include "ops/pool/max_pool3d.h"
