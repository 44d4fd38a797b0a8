#pragma once
// pack_conv_weight: published weight [Cout, Cin / groups, kT, kH, kW] (or linear [Cout, Cin]) to the CPU's panels
// (cpu/panels.h), or to [taps][C] for a depthwise convolution (groups == Cin == Cout).
//
// in  0 weight    out 0 [packed floats]    attrs groups, then the widths of the outputs that share the weight
#include "runtime/kernel.h"
