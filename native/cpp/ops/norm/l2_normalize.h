#pragma once
// l2_normalize: y = x / max(||x||, eps), over the last axis
//
// in  0 x [..., C] rows, may be a slice    out 0 y like x    attrs  eps
#include "runtime/kernel.h"
