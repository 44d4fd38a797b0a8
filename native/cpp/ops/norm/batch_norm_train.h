#pragma once
// batch_norm_train: y = (x - mean) / sqrt(var + eps) * weight + bias with the mean and biased variance of the rows of
// x.
//
// in  0 x [..., C]   1 weight   2 bias   3 running mean   4 running variance, each [C], f32
// out 0 y like x   1 mean   2 variance (biased)   3 new running mean   4 new running variance, each [C], f32; 3 and 4
// may
//     be the memory of the running statistics
// attrs  eps, momentum m (running = (1 - m) running + m batch, with the unbiased variance), relu afterwards (0 or 1)
#include "runtime/kernel.h"
