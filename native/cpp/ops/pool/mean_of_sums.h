#pragma once
// mean_of_sums: y[n, c] = sum_p sums[n, p, first + c] / positions
//
// in  0 sums [N, parts, Cin] f32 dense    out 0 y [N, C] rows    attrs  first, positions
#include "runtime/kernel.h"
