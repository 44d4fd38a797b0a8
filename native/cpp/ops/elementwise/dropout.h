#pragma once
// dropout: y[i] = draw(i) < threshold ? 0 : x[i] scale
//
// in  0 x [..., C] rows, may be a slice   1 key i32 [2]: seed, step    out 0 y like x
// attrs  threshold (of 2^32), scale, stream
// draw(i), i the row-major index: word i % 4 of Philox 4x32-10 (Salmon et al. 2011) with the counter (i / 4, step, 0)
// and the key (seed, stream): the draws of lib/base/random.ts.
#include "runtime/kernel.h"
