#pragma once
// transpose_conv_weight: out[g I + i, o, k] = w[g O + o, i, K - 1 - k] for the I and O channels of each group g.
//
// in  0 w [groups O, I, kT, kH, kW]    out 0 [groups I, O, kT, kH, kW]    attrs  groups
#include "runtime/kernel.h"
