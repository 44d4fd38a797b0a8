#pragma once
// slice: y = x[start[0] : start[0] + size[0], ...]. in 0 x    out 0 y, its shape gives the sizes    attrs start per
// axis
#include "runtime/kernel.h"
