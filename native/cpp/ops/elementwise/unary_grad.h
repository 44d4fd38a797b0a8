#pragma once
// unary_grad: dx = f'(x) dy, element by element; the functions of ops/unary.h
//
// in  0 x [..., C] rows, may be a slice   1 dy like x    out 0 dx like x    attributes as unary
// relu's derivative at 0 is 0.
#include "ops/elementwise/unary.h"
