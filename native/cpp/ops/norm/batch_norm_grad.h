#pragma once
// batch_norm_grad: with s = 1 / sqrt(var + eps), n = (x - mean) s and g = dy (0 where a ReLU followed and n weight +
// bias is not above 0): dweight = sum g n, dbias = sum g, dx = weight s (g - training (dbias + n dweight) / rows).
//
// in  0 dy [..., C]   1 x like dy   2 weight   3 bias   4 mean   5 variance (biased), each [C], f32
// out 0 dx like x   1 dweight   2 dbias, each [C], f32
// attrs  eps, relu (0 or 1), training (0 or 1)
#include "runtime/kernel.h"
