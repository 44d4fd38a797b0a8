#pragma once
// layer_norm: u = x + r;  y[m, c] = (u[m, c] - mean_m) / sqrt(var_m + eps) w[c] + b[c],  var = mean((u - mean)^2)
//
// in  0 x [..., C] rows, may be a slice   1 weight [C] optional   2 bias [C] optional   3 residual r like x, optional
// out 0 y like x     attrs  eps
// Two passes over a row: mean, then the variance about it. Sums in f32, lane by lane in the order of the channels, then
// over the lanes as a tree: a row's result depends on that row alone.
#include "runtime/kernel.h"
