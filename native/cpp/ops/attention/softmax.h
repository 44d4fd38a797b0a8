#pragma once
// softmax over the last axis: y[r, c] = exp(x[r, c] - max) / sum; or its logarithm.
//
// in  0 x [..., C] rows    out 0 y like x    attrs log (0 or 1)
// Subtracts the row's maximum; sums in f64 on the CPU, in f32 on CUDA.
#include "runtime/kernel.h"
