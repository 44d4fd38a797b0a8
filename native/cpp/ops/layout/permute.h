#pragma once
// permute: axis i of y is axis order[i] of x. in 0 x    out 0 y    attrs order
// Elements of 1, 2 or 4 bytes.
#include "runtime/kernel.h"
