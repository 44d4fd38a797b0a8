#pragma once
// swish_conv3d: conv3d (same formula) of swish(scale x) in place of scale x, pointwise with stride 1; swish(x) is
// x / (1 + exp(-x)). The squeeze-and-excitation of X3D then needs no separate pass over memory.
//
// Operands and attributes as conv3d.
#include "ops/conv/conv3d.h"
