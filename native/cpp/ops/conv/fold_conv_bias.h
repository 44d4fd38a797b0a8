#pragma once
// fold_conv_bias: b'[o] = bias[o] + (b[o] - mean[o]) * weight[o] / sqrt(var[o] + eps): BatchNorm's shift as a bias.
//
// in  0 weight   1 bias   2 running_mean   3 running_var, each [Cout]   4 b, the convolution's own bias [Cout],
// optional out 0 b' [Cout]    attrs eps
#include "runtime/kernel.h"
