#pragma once
// global_norm: norm = u sqrt(sum over all gradients of g^2), u = in 0: 1 / (loss scale x summed batches)
//   factor = u min(1, max_norm / (norm + 1e-6)) (without clipping: u);  finite = 1 when norm is, else 0, and factor = 0
//
// in  0 u [1]   1.. gradients, f32, dense    out 0 control [3]: norm, factor, finite    attrs max_norm (0: no clipping)
// Sums in an order that follows from the shapes alone.
#include "runtime/kernel.h"
