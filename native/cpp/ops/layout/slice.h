#pragma once
// slice: y = x[start[0] : start[0] + size[0], ...]. in 0 x    out 0 y, its shape gives the sizes    attrs start per
// axis
// Elements of 1, 2 or 4 bytes.
#include "runtime/kernel.h"
