#pragma once
// embedding: y[..., :] = weight[ids[...], :].
//
// in  0 ids i32 [...]   1 weight [rows, C]    out 0 y [..., C]. An id outside the table is
// an error on the CPU; a CUDA kernel cannot fail and writes a row of NaN.
#include "runtime/kernel.h"
