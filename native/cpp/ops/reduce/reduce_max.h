#pragma once
// reduce_max over the second-last axis: y[..., c] = max over s of x[..., s, c]; on CUDA NaN wins.
//
// in  0 x [..., S, C] dense rows    out 0 y [..., C]
#include "runtime/kernel.h"
