#pragma once
// linear: y[m, o] = act( sum_i x[m, i] W[o, i] + b[o] )
//
// in  0 x [..., in] rows, may be a slice   1 weight packed (pack_conv_weight); published [out, in]   2 bias [out]
// optional out 0 y [..., out]     attrs  activation (order of ops/unary.h, -1 none)
#include "runtime/kernel.h"
