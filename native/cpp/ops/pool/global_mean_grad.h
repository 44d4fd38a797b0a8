#pragma once
// global_mean_grad: dx[n, p, c] = dy[n, c] / P for the P positions of a clip.
//
// in  0 dy [N, C]    out 0 dx [N, ..., C]    attrs none
#include "runtime/kernel.h"
