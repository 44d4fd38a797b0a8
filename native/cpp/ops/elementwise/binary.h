#pragma once
// binary: y = f(a, b) with NumPy broadcasting (axes aligned at the right, size 1 repeats).
//
// in  0 a   1 b, any views    out 0 y of the broadcast shape    attrs kind: 0 add, 1 sub, 2 mul, 3 div, 4 max
#include "runtime/kernel.h"
