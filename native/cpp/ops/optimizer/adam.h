#pragma once
// adam, for each of K tensors, elementwise (Kingma and Ba 2015; decoupled decay: Loshchilov and Hutter 2019):
//   g' = factor g (+ decay p, coupled);  m' = m + (1 - b1) (g' - m);  v' = b2 v + (1 - b2) g'^2
//   p' = p (1 - rate decay) (decoupled) - step m' / (root sqrt(v') + eps)
// When control says that a gradient is not finite, p' = p, m' = m and v' = v.
//
// in  0 rates [3]: rate, step = rate / (1 - b1^t), root = 1 / sqrt(1 - b2^t)   1 control [3] of global_norm
//     2 + 4 k .. p, g, m, v of tensor k, f32, dense, of one size
// out 3 k .. p', m', v'; each may be the memory of p, m, v    attrs b1, b2, eps, decay, decoupled (0, 1)
#include "runtime/kernel.h"
