#pragma once
// cross_entropy_grad: with p = exp(x[m, c] - LSE_m), W = sum_c w[c], and the sum over rows that are not ignored,
//   dx[m, c] = dloss / sum_m w[t] (p ((1 - e) w[t] + e W / C) - e w[c] / C - (c = t) (1 - e) w[t]);  0 where ignored
//
// in  0 x [..., C] rows, may be a slice   1 target i32 [...]   2 w [C] f32 optional (1)   3 LSE [...] f32   4 dloss [1]
// out 0 dx like x     attributes as cross_entropy
#include "ops/loss/cross_entropy.h"
