#pragma once
// pack_winograd_weight: published weight [Cout, Cin, 1, 3, 3] or [Cout, Cin, 3, 1, 1] to Winograd's domain, in panels
// of output channels (cpu/panels.h): a panel holds [points][Cin][width] with 36 or 6 points. Computed in f64, rounded
// once.
//
// in  0 weight    out 0 [packed floats]
#include "ops/conv/winograd_conv3d.h"
