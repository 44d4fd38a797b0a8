#pragma once
// pack_conv_weight_bf16: published weight [Cout, Cin, kT, kH, kW] to panels (cpu/panels.h) of 32-bit words, each two
// bf16 that follow each other in a run, the first in the low half: [runs][pairs][width]. A run is the Cin channels of a
// tap, or of all kW taps of a row where Conv3dArgs::merges_width; an odd run ends with a zero.
//
// in  0 weight    out 0 [packed words]    attrs the widths of the outputs that share the weight
#include "ops/conv/conv3d.h"
