#pragma once
// conv3d_bf16: conv3d of one group with x (after scale) and weight rounded to bf16, to nearest even; products are
// summed in f32, everything else is f32 as in conv3d.
//
// Operands and attributes as conv3d; weight packed by pack_conv_weight_bf16.
#include "ops/conv/conv3d.h"
