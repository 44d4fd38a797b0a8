#pragma once
// layer_norm_grad: g = dy w;  n = (u - mean) / sqrt(var + eps);  dx = (g - mean(g) - n mean(g n)) / sqrt(var + eps)
//                  dw[c] = sum over m of dy[m, c] n[m, c];  db[c] = sum over m of dy[m, c]
//
// in  0 x [..., C] rows, may be a slice   1 weight [C] optional   2 residual like x, optional (u = x + residual)   3 dy
// out 0 dx like x   1 dw [C] and 2 db [C], both or neither     attrs  eps
// The rows of dw and db are summed in chunks whose number follows from the shape, and the chunks in their order.
#include "runtime/kernel.h"
