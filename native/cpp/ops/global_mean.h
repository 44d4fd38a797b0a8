#pragma once
// global_mean: y[n, c] = mean of x over all positions of clip n.
//
// in  0 x [N, ..., C] channels-last, may be a channel slice    out 0 y [N, C]    no attrs
// Partial sums of kChunk positions in f64, added in order: the same tree for every batch and thread count.
#include "runtime/kernel.h"
