#pragma once
// sgd_momentum, for each of K tensors, elementwise (as torch.optim.SGD without dampening):
//   g' = factor g + decay p;  b' = momentum b + g';  p' = p - rate (nesterov ? g' + momentum b' : b')
// When control says that a gradient is not finite, p' = p and b' = b.
//
// in  0 rate [1]   1 control [3] of global_norm   2 + 3 k .. p, g, b of tensor k, f32, dense, of one size
// out 2 k .. p', b'; each may be the memory of p, b    attrs momentum, decay, nesterov (0, 1)
#include "runtime/kernel.h"
