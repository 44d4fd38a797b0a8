#pragma once
// permute: axis i of y is axis order[i] of x. in 0 x    out 0 y    attrs order
#include "runtime/kernel.h"
