#pragma once
// avg_pool3d_grad: dx[p, c] = sum of dy / count over the windows that have p, with the counts of avg_pool3d.
//
// in  0 dy [N, T', H', W', C], may be a channel slice    out 0 dx [N, T, H, W, C]
// Attributes as avg_pool3d.
#include "ops/pool/avg_pool3d.h"
