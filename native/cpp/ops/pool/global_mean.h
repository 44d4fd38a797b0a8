#pragma once
// global_mean: y[n, c] = mean of x over all positions of clip n.
//
// in  0 x [N, ..., C] channels-last, may be a channel slice    out 0 y [N, C]
// Partial sums of chunks of positions, added in order: the same tree for every batch and thread count. Sums in f64 on
// the CPU, in f32 on CUDA.
#include "runtime/kernel.h"
