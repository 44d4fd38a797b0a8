#pragma once
// linear: y[m, o] = act( sum_i x[m, i] W[o, i] + b[o] + s[o] r[m, o] )
//
// in  0 x [..., in] rows, may be a slice   1 weight packed (pack_conv_weight); published [out, in]   2 bias b [out]
// optional   3 residual r [..., out] rows, optional   4 scale s [out], optional (1)
// out 0 y [..., out] rows     attrs  activation (order of ops/unary.h, -1 none)
#include "runtime/kernel.h"
