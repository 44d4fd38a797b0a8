#pragma once
// batch_norm (inference): y = (x - mean) / sqrt(var + eps) * weight + bias, per channel.
//
// in  0 x [..., C]   1 weight   2 bias   3 running_mean   4 running_var, each [C]    out 0 y like x
// attrs  eps, relu afterwards (0 or 1)
#include "runtime/kernel.h"
