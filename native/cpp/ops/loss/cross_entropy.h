#pragma once
// cross_entropy: LSE_m = log sum_c exp x[m, c];  over the rows m whose target t is not ignored:
//   loss = sum_m ((1 - e) w[t] (LSE_m - x[m, t]) + e / C sum_c w[c] (LSE_m - x[m, c])) / sum_m w[t]
//
// in  0 x [..., C] rows, may be a slice   1 target i32 [...]   2 w [C] f32 optional (1)
// out 0 loss [1] f32, 0 where all rows are ignored   1 LSE [...] f32     attrs  ignored target, e
// A row's terms depend on that row alone; rows are added in their order.
#include "runtime/kernel.h"
