#pragma once
// fold_conv_weight: W'[o, ...] = W[o, ...] * weight[o] / sqrt(var[o] + eps): BatchNorm's scale moved into a
// convolution.
//
// in  0 W [Cout, ...]   1 weight   2 running_var, each [Cout]    out 0 W' like W    attrs eps
// Computed in f64 and rounded once.
#include "runtime/kernel.h"
