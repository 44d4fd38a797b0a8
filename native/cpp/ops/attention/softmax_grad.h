#pragma once
// softmax_grad: dx = y (dy - sum(y dy)), or where `log`, dx = dy - exp(y) sum(dy); sums over the last axis
//
// in  0 y [..., C] rows, may be a slice   1 dy like y    out 0 dx like y    attributes as softmax
#include "ops/attention/softmax.h"
